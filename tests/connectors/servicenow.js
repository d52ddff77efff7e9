/*
 * A ServiceNow instance as far as receiver.js needs it: an HTTP server in Node that runs the script for each webhook.
 *
 * `node servicenow.js receiver.js` prints its port. POST /webhook runs the receiver. POST /_set changes tickets,
 * properties and the clock. GET /_state returns tickets, ids and what arrived.
 */
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const vm = require('vm');

const script = new vm.Script(fs.readFileSync(process.argv[2], 'utf8'), { filename: process.argv[2] });
const state = { tables: { sc_req_item: [], u_starter_webhook: [] }, properties: {}, later: 0, arrived: [], log: [] };

class GlideRecord {
    constructor(table) {
        if (!(table in state.tables)) throw new Error(`there is no table ${table}`);
        this.rows = state.tables[table];
        this.row = null;
    }
    get(field, value) {
        this.row = this.rows.find((row) => row[field] === value) || null;
        this.changes = {};
        return this.row !== null;
    }
    initialize() {
        this.row = {};
        this.changes = {};
    }
    setValue(field, value) {
        this.changes[field] = String(value);
    }
    insert() {
        this.rows.push({ ...this.row, ...this.changes });
        return 'sys_id';
    }
    update() {
        Object.assign(this.row, this.changes);
        return 'sys_id';
    }
}

class GlideDateTime {
    getNumericValue() {
        return Date.now() + state.later * 1000;
    }
}

class GlideCertificateEncryption {
    generateMac(key, algorithm, data) {
        if (algorithm !== 'HmacSHA256') throw new Error(`the algorithm ${algorithm}`);
        return crypto.createHmac('sha256', Buffer.from(key, 'base64')).update(data, 'utf8').digest('base64');
    }
}

const gs = {
    getProperty: (name) => (name in state.properties ? state.properties[name] : null),
    warn: (words) => state.log.push(words),
    error: (words) => state.log.push(words),
};

function runReceiver(headers, body) {
    const answer = { status: 200, body: null };
    const request = { getHeader: (name) => headers[name.toLowerCase()] || null, body: { dataString: body } };
    const response = {
        setStatus: (status) => { answer.status = status; },
        setBody: (words) => { answer.body = words; },
    };
    state.arrived.push({ headers, body });
    try {
        const names = { request, response, gs, GlideRecord, GlideDateTime, GlideCertificateEncryption };
        script.runInNewContext(names);
    } catch (error) {
        return { status: 500, body: { error: String(error) } };
    }
    return answer;
}

function respond(method, path, headers, body) {
    if (method === 'POST' && path === '/webhook') return runReceiver(headers, body);
    if (method === 'POST' && path === '/_set') {
        const { tickets = [], properties = {}, later = state.later } = JSON.parse(body);
        state.tables.sc_req_item.push(...tickets);
        Object.assign(state.properties, properties);
        state.later = later;
        return { status: 200, body: {} };
    }
    if (method === 'GET' && path === '/_state') return { status: 200, body: state };
    return { status: 404, body: {} };
}

const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
        const body = Buffer.concat(parts).toString('utf8');
        const answer = respond(request.method, request.url, request.headers, body);
        response.writeHead(answer.status, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify(answer.body));
    });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));

/*
 * Receives the webhooks of the Starter Pass Portal and updates the requested item that each one is about.
 *
 * Paste it into the resource of a Scripted REST API: POST, without ServiceNow's own authentication, because the portal
 * proves itself with the signature. README.md has the steps. Written in ES5, for the global scope; in a scoped
 * application, write CertificateEncryption in place of GlideCertificateEncryption.
 *
 * It needs the properties starter_pass.webhook_secret (type password2) and starter_pass.source, and the table
 * u_starter_webhook with the unique field u_webhook_id.
 */
(function process(request, response) {
    var MOST_SECONDS = 300; // between the portal's clock and this one
    var TICKETS = 'sc_req_item';
    var SEEN = 'u_starter_webhook';

    function answer(status, words) {
        response.setStatus(status);
        response.setBody({ result: words });
    }

    // Takes the same time whichever character differs.
    function isEqual(one, other) {
        var difference = one.length ^ other.length;
        for (var i = 0; i < one.length; i++) {
            difference |= one.charCodeAt(i) ^ (i < other.length ? other.charCodeAt(i) : 0);
        }
        return difference === 0;
    }

    // The header can have several signatures with spaces between them, while a secret is being replaced.
    function isGenuine(signatures, signed) {
        var secret = String(gs.getProperty('starter_pass.webhook_secret') || '');
        if (secret.indexOf('whsec_') !== 0) {
            gs.error('starter_pass.webhook_secret is not set');
            return false;
        }
        var key = secret.substring('whsec_'.length); // base64 already, as generateMac wants it
        var expected = 'v1,' + new GlideCertificateEncryption().generateMac(key, 'HmacSHA256', signed);
        var found = false;
        signatures.split(' ').forEach(function (signature) {
            found = isEqual(signature, expected) || found;
        });
        return found;
    }

    function isRecent(timestamp) {
        var now = new GlideDateTime().getNumericValue() / 1000;
        return /^[0-9]{1,12}$/.test(timestamp) && Math.abs(now - Number(timestamp)) <= MOST_SECONDS;
    }

    function wasSeen(id) {
        var seen = new GlideRecord(SEEN);
        return seen.get('u_webhook_id', id);
    }

    function remember(id) {
        var seen = new GlideRecord(SEEN);
        seen.initialize();
        seen.setValue('u_webhook_id', id);
        return seen.insert();
    }

    function updateTicket(data) {
        var ticket = new GlideRecord(TICKETS);
        if (!ticket.get('number', data.ticket)) {
            return false;
        }
        var lines = data.obstacles.map(function (obstacle) {
            return '* ' + obstacle.text;
        });
        var words = 'Starter: ' + data.state + '. Next: ' + data.nextActor + '.';
        ticket.setValue('u_starter_state', data.state);
        ticket.setValue('work_notes', [words].concat(lines).join('\n'));
        ticket.update();
        return true;
    }

    var id = String(request.getHeader('webhook-id') || '');
    var timestamp = String(request.getHeader('webhook-timestamp') || '');
    var signatures = String(request.getHeader('webhook-signature') || '');
    var body = request.body.dataString; // exactly what was signed
    if (!id || !isGenuine(signatures, id + '.' + timestamp + '.' + body)) {
        return answer(401, 'The signature is not valid');
    }
    if (!isRecent(timestamp)) {
        return answer(401, 'The timestamp is too old or too new');
    }
    if (wasSeen(id)) {
        return answer(200, 'Received before');
    }
    var event = JSON.parse(body);
    if (event.data.source !== String(gs.getProperty('starter_pass.source'))) {
        return answer(200, 'Of another source');
    }
    // An error status would make the portal try again for days, and 410 would end the webhook.
    var isUpdated = updateTicket(event.data);
    if (!isUpdated) {
        gs.warn('Starter webhook: there is no ticket ' + event.data.ticket);
    }
    remember(id);
    return answer(200, isUpdated ? 'Updated' : 'There is no such ticket');
})(request, response);

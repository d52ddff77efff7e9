// Keeps the browser's time zone for the server, which writes the times. If the page was written in another zone, it is
// loaded again, once: the cookie then has the zone, and a server that does not know it changes nothing.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const wanted = `time_zone=${zone}`;

if (zone && zone !== document.querySelector("[data-zone]")?.dataset.zone && !document.cookie.split("; ").includes(wanted)) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${wanted}; Path=/audit/; Max-Age=31536000; SameSite=Lax${secure}`;
  if (document.cookie.split("; ").includes(wanted)) location.reload();
}

// Package egress decides which URLs may be registered and which addresses may be called.
//
// It owns the guard against server-side request forgery: a tenant chooses the URL we call, from inside
// our network, so a careless client would let anyone read a cloud's metadata or talk to our database.
// The guard has two halves. [Policy.CheckURL] refuses what can be refused when a subscription is written,
// with a reason fit for an API answer. [Policy.DialContext] is the one that counts: it judges every
// concrete address after resolution and just before the socket connects, so names that change their
// answer (DNS rebinding), redirects and rows that never met CheckURL are all covered.
//
// It must not know subscriptions, deliveries, retries or redirects, and imports nothing of this module.
// It reads no environment and logs nothing.
//
// Invariants:
//   - Nothing is connected to unless [Policy.Check] accepts the exact address and port, or it is where the operator said that
//     the router itself is reached.
//   - An IPv6 address that carries an IPv4 address is never more permitted than that IPv4 address.
//   - Outside 2000::/3 every IPv6 address is refused unless the operator listed it, so new special
//     ranges are refused without a new release.
//   - Only the operator opens private ranges ([Options].Allow); a tenant never can.
//   - What CheckURL returns has an ASCII host, and a literal address in it passes Check.
//   - Of the router's own host nothing is called but the inboxes under [Own], by their exact addresses.
//   - Errors never hold a URL, a user name, a password or the address of our DNS server.
//
// The address tables are our own (tables.go, with a source per line) rather than code.dny.dev/ssrf:
// that library answers yes or no, while an attempt's record and an API answer need to say why, and it
// does not look inside transition addresses or know 168.63.129.16. Its lists, generated from IANA's
// registries, are kept as a second opinion in the tests: whatever they refuse, we refuse.
//
// A proxy would hide the target from the guard, therefore [NewTransport] ignores proxies.
//
// Read in this order: verdict.go, tables.go, policy.go, host.go, url.go, dial.go, race.go, transport.go, own.go.
//
// The package can be imported by others but its API is not stable.
package egress

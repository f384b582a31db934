/**
 * A UUIDv7 (RFC 9562 §5.7) of now: 48 bits of Unix milliseconds, then random bits. The gateway counts
 * one id once, so a retry after a lost answer changes nothing.
 */
export function newId(): string {
  return ("0" + Date.now().toString(16) + "-7xxx-8xxx-xxxxxxxxxxxx")
    .replace(/x/g, () => (crypto.getRandomValues(new Uint8Array(1))[0]! & 15).toString(16))
    .replace(/.{8}/, "$&-");
}

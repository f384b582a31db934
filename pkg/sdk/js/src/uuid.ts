/**
 * A UUIDv7 (RFC 9562 §5.7) of now: 48 bits of Unix milliseconds, then random bits. The gateway counts
 * one id once, so a retry after a lost answer changes nothing.
 */
export function newId(): string {
  const random = Array.from(crypto.getRandomValues(new Uint8Array(10)), (byte) => (byte + 256).toString(16).slice(1));
  return ("0" + Date.now().toString(16) + random.join("")).replace(/(.{8})(.{4}).(.{3}).(.{3})/, "$1-$2-7$3-8$4-");
}

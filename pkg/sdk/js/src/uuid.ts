/**
 * A UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits. The gateway counts one
 * id once, so a retry after a lost answer changes nothing.
 */
export function uuidv7(now: number, fill: (bytes: Uint8Array) => void): string {
  const bytes = new Uint8Array(16);
  fill(bytes);
  // Division, not shifts: the bit operators stop at 32 bits and the clock needs 48.
  for (let i = 5, rest = now; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  let text = "";
  bytes.forEach((byte, i) => {
    text += (i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "") + (byte + 256).toString(16).slice(1);
  });
  return text;
}

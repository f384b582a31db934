const maxMessage = 500;
const maxFrame = 200;

/** What is kept of an error: its name and message, and the frame it came from. */
export interface Fault {
  message: string;
  stack?: string;
}

/** Reads anything that can be thrown. Queries and hashes are cut from the addresses of the frame. */
export function describe(thrown: unknown, fallback: string): Fault {
  const error = thrown instanceof Error ? thrown : undefined;
  const message = error
    ? error.name + ": " + error.message
    : typeof thrown == "string" || typeof thrown == "number" ? String(thrown) : fallback;
  const frame = error && String(error.stack).split("\n").find((line) => /:\d+:\d+/.test(line));
  const fault: Fault = { message: message.slice(0, maxMessage) };
  if (frame) fault.stack = frame.replace(/[?#][^\s:)]*/g, "").trim().slice(0, maxFrame);
  return fault;
}

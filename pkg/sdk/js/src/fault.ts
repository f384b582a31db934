const maxMessage = 500;
const maxFrame = 200;

/** What is kept of an error: its name and message, and the frame it came from. */
export type Fault = {
  message: string;
  stack: string | undefined;
};

/**
 * Reads anything that can be thrown. Queries and hashes are cut from the addresses of the frame;
 * clean takes out of the message what must not be sent.
 */
export function describe(thrown: unknown, fallback: string, clean: (message: string) => string): Fault {
  const error = thrown instanceof Error ? thrown : undefined;
  // An object that is no error could say anything.
  const message = String(error || (typeof thrown == "string" && thrown) || fallback);
  const frame = String(error?.stack).split("\n").find((line) => /:\d+:\d+/.test(line));
  return {
    message: clean(message).slice(0, maxMessage),
    stack: frame?.replace(/[?#][^\s:)]*/g, "").trim().slice(0, maxFrame),
  };
}

const maxMessage = 500;
const maxFrame = 200;

/** What is kept of an error: its name and message, and the frame it came from. */
export type Fault = {
  message: string;
  stack: string | undefined;
};

/**
 * Reads anything that can be thrown. Queries and hashes are cut from the address of the frame; clean
 * takes out of the message and the frame what must not be sent.
 */
export function describe(thrown: unknown, fallback: string, clean: (text: string) => string): Fault {
  const error = thrown instanceof Error ? thrown : undefined;
  // An object that is no error could say anything.
  const message = String(error || (typeof thrown == "string" && thrown) || fallback);
  // V8 puts the message in front of the frames, and a message may look like one.
  const frames = error ? String(error.stack).replace(error.message, "") : "";
  const [, frame, place] = /^(\s*at .*|.*@.*)(:\d+:\d+\)?)$/m.exec(frames) || [];
  return {
    message: clean(message).slice(0, maxMessage),
    stack: frame && clean(frame.trim().replace(/(\/[^?#]*)[?#].*/, "$1")).slice(0, maxFrame) + place,
  };
}

const maxMessage = 500;
const maxFrame = 200;

/** What is kept of an error: its name and message, and the frame it came from. */
export type Fault = {
  message: string;
  stack: string | undefined;
};

/** Reads anything that can be thrown. clean takes out what must not be sent. */
export function describe(thrown: unknown, fallback: string, clean: (text: string) => string): Fault {
  const error = thrown instanceof Error ? thrown : undefined;
  // An object that is no error could say anything.
  const message = String(error || (typeof thrown == "string" && thrown) || fallback);
  // V8 puts the message in front of the frames, and a message may look like one.
  const [, frame, place] = /^\s*(at .*|.*@.*)(:\d+:\d+\)?)$/m.exec(String(error?.stack).replace(error?.message!, "")) || [];
  return {
    message: clean(message).slice(0, maxMessage),
    stack: frame && clean(frame).slice(0, maxFrame) + place,
  };
}

/** Cuts queries and hashes from the addresses in a text, such as https://h/p?q and /p#h. */
export function withoutQueries(words: string): string {
  return words.replace(/(\/[^\s?#]*)([?#]\S*)?/g, "$1");
}

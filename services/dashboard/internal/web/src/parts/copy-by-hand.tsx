import { copyKeys } from "../clipboard";
import { Dialog } from "./dialog";
import { Button, inputClass } from "./ui";

/** The text, selected, for a person to copy where the browser does not let the page. */
export function CopyByHand({ text, onCopied, onClose }: { text: string; onCopied: () => void; onClose: () => void }) {
  return (
    <Dialog title={`Press ${copyKeys(navigator.userAgent)} to copy`} onClose={onClose}>
      <p className="mb-3 text-sm text-soft">The browser lets no page copy by itself that came over plain http, or that was not allowed to. The text is selected.</p>
      <textarea
        aria-label="What is to be copied"
        readOnly
        rows={Math.min(10, text.split("\n").length + 1)}
        className={`${inputClass} font-mono text-xs break-all`}
        value={text}
        onFocus={(event) => event.target.select()}
        onCopy={() => setTimeout(onCopied)} // the browser takes the text after this, so it must still be there
      />
      <div className="mt-5 flex justify-end">
        <Button onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  );
}

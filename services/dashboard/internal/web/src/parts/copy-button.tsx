import { useState } from "react";
import { copyText } from "../clipboard";
import { CopyByHand } from "./copy-by-hand";
import { Button } from "./ui";

/** Copies a text, and says so; where the browser refuses, it has the person do it. */
export function CopyButton({ text, label }: { text: string; label?: string }) {
  const [state, setState] = useState<"copied" | "refused">();
  return (
    <>
      <Button aria-label={label} onClick={() => void copyText(text).then((done) => setState(done ? "copied" : "refused"))}>
        <span aria-live="polite">{state === "copied" ? "Copied" : "Copy"}</span>
      </Button>
      {state === "refused" && <CopyByHand text={text} onCopied={() => setState("copied")} onClose={() => setState(undefined)} />}
    </>
  );
}

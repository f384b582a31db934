import { useState } from "react";
import { Button } from "../parts/ui";

/** A text to copy. */
export function CopyText({ name, text }: { name: string; text: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <div>
      <div className="mb-1 flex items-center justify-between gap-2">
        <h3 className="text-sm font-medium">{name}</h3>
        <Button onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))} aria-label={`Copy: ${name}`}>
          <span aria-live="polite">{copied ? "Copied" : "Copy"}</span>
        </Button>
      </div>
      <pre tabIndex={0} className="overflow-x-auto rounded-lg border border-line bg-ground p-3 text-xs">
        {text}
      </pre>
    </div>
  );
}

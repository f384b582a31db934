import { CopyButton } from "../parts/copy-button";

/** A text to copy. */
export function CopyText({ name, text }: { name: string; text: string }) {
  return (
    <div>
      <div className="mb-1 flex items-center justify-between gap-2">
        <h3 className="text-sm font-medium">{name}</h3>
        <CopyButton text={text} label={`Copy: ${name}`} />
      </div>
      <pre tabIndex={0} className="overflow-x-auto rounded-lg border border-line bg-ground p-3 text-xs">
        {text}
      </pre>
    </div>
  );
}

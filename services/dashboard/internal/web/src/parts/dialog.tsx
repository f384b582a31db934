import { useEffect, useId, useRef, type ReactNode } from "react";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
}

/** A modal dialog; the browser keeps the keyboard in it, and gives it back where it was. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault(); // the parent takes it away
        onClose();
      }}
      onClick={(event) => {
        if (event.target === ref.current) onClose(); // beside it
      }}
      className="m-auto max-h-[85dvh] w-[calc(100%-2rem)] max-w-lg overflow-y-auto rounded-xl border border-line bg-card p-0 text-ink shadow-xl backdrop:bg-black/50"
    >
      <div className="p-5">
        <h2 id={heading} className="mb-4 font-semibold">
          {title}
        </h2>
        {children}
      </div>
    </dialog>
  );
}

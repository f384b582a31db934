import { useEffect } from "react";
import { Button, Kbd } from "../parts/ui";
import type { Undoable } from "./decisions";

interface UndoToastProps {
  undoable: Undoable;
  onUndo: () => void;
  onOver: () => void;
}

/** What was just decided, for as long as it can be taken back. */
export function UndoToast({ undoable, onUndo, onOver }: UndoToastProps) {
  const left = Math.max(0, undoable.until - Date.now());
  useEffect(() => {
    const timer = setTimeout(onOver, Math.max(0, undoable.until - Date.now()));
    return () => clearTimeout(timer);
  }, [undoable]); // onOver is made anew with every render; the timer is the decision's
  return (
    <div className="fixed inset-x-4 bottom-20 z-10 mx-auto max-w-md overflow-hidden rounded-xl border border-line bg-card shadow-lg sm:bottom-6">
      <div className="flex items-center gap-3 px-4 py-3 text-sm">
        <p className="min-w-0 grow truncate" title={undoable.text}>
          {undoable.text}
        </p>
        <Button onClick={onUndo}>
          Undo <Kbd>U</Kbd>
        </Button>
      </div>
      <div className="countdown h-0.5 bg-accent" style={{ animationDuration: `${left}ms` }} />
    </div>
  );
}

import { useKeysOn } from "../keys";
import { Dialog } from "../parts/dialog";
import { Button } from "../parts/ui";

const keys: readonly (readonly [string[], string])[] = [
  [["J", "K"], "Next and previous proposal"],
  [["A", "1"], "Approve"],
  [["2"], "Mark as a duplicate"],
  [["R", "3"], "Reject, with a reason"],
  [["H"], "Snooze"],
  [["E"], "Edit"],
  [["U"], "Undo, within 10 seconds"],
  [["X"], "Select; what you do then, is done to all selected"],
  [["C"], "Copy as Markdown"],
  [["/"], "Search"],
  [["Esc"], "Select none; close what is open"],
  [["?"], "This list"],
];

export function KeysDialog({ onClose }: { onClose: () => void }) {
  const [on, setOn] = useKeysOn();
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl className="space-y-1.5 text-sm">
        {keys.map(([names, does]) => (
          <div key={does} className="flex items-baseline gap-3">
            <dt className="flex w-20 shrink-0 gap-1">
              {names.map((name) => (
                <kbd key={name} className="rounded border border-line bg-ground px-1.5 font-sans text-xs leading-5">
                  {name}
                </kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label className="mt-4 flex items-center gap-2 text-sm">
        <input type="checkbox" className="accent-accent" checked={on} onChange={(e) => setOn(e.target.checked)} />
        Single keys work in this browser
      </label>
      <div className="mt-4 flex justify-end">
        <Button autoFocus onClick={onClose}>
          Close
        </Button>
      </div>
    </Dialog>
  );
}

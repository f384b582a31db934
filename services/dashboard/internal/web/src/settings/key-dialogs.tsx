import { useState } from "react";
import { Dialog } from "../parts/dialog";
import { Failure, Field, inputClass } from "../parts/ui";
import { lastUse, originsOf, type Key } from "./credentials";
import { rollKey, revokeKey, updateKey, useKeyChange } from "./key-queries";
import { Buttons, RollForm } from "./parts";

export type KeyAct = "edit" | "roll" | "revoke";

interface DialogProps {
  product: string;
  item: Key;
  onClose: () => void;
}

/** The dialog of what somebody wants to do with a key. */
export function KeyDialog({ act, ...props }: DialogProps & { act: KeyAct }) {
  if (act === "edit") return <EditDialog {...props} />;
  return act === "roll" ? <RollDialog {...props} /> : <RevokeDialog {...props} />;
}

function EditDialog({ product, item, onClose }: DialogProps) {
  const [name, setName] = useState(item.name);
  const [origins, setOrigins] = useState(item.allowed_origins.join("\n"));
  const [without, setWithout] = useState(item.allow_without_origin);
  const save = useKeyChange(product, () => updateKey(product, item, { name, allowed_origins: originsOf(origins), allow_without_origin: without }), onClose);
  return (
    <Dialog title={`Edit ${item.name}`} onClose={onClose}>
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate(undefined);
        }}
      >
        {save.error && <Failure error={save.error} />}
        <Field label="Name">
          <input className={inputClass} required maxLength={100} value={name} onChange={(e) => setName(e.target.value)} />
        </Field>
        <OriginsEditor origins={origins} onOrigins={setOrigins} without={without} onWithout={setWithout} />
        <Buttons words="Save" busy={save.isPending} onClose={onClose} />
      </form>
    </Dialog>
  );
}

interface OriginsProps {
  origins: string;
  onOrigins: (text: string) => void;
  without: boolean;
  onWithout: (on: boolean) => void;
}

/** Which pages may use a key. */
export function OriginsEditor({ origins, onOrigins, without, onWithout }: OriginsProps) {
  const any = originsOf(origins).length === 0;
  return (
    <div className="space-y-2">
      <Field label="Allowed origins, one a line">
        <textarea
          className={`${inputClass} font-mono text-xs`}
          rows={3}
          spellCheck={false}
          placeholder={"https://shop.example\nhttps://*.shop.example"}
          value={origins}
          onChange={(e) => onOrigins(e.target.value)}
        />
      </Field>
      <p className="text-xs text-soft">
        Pages of other sites cannot use the key then. <code>https://*.shop.example</code> stands for every subdomain, not for shop.example itself. Empty: every page may.
      </p>
      <label className="flex items-start gap-2 text-sm">
        <input type="checkbox" className="mt-1" disabled={any} checked={any || without} onChange={(e) => onWithout(e.target.checked)} />
        <span>
          Requests without an origin may use it too
          <span className="block text-xs text-soft">Servers and curl send none. Better is a key of its own for them.</span>
        </span>
      </label>
    </div>
  );
}

function RollDialog({ product, item, onClose }: DialogProps) {
  const roll = useKeyChange(product, rollKey(product, item), onClose);
  return (
    <Dialog title={`Roll ${item.name}`} onClose={onClose}>
      {roll.error && <Failure error={roll.error} />}
      <RollForm busy={roll.isPending} onClose={onClose} onRoll={roll.mutate}>
        <p>A new key with the same name and origins takes its place. Put it into your pages and servers before the old one ends.</p>
        <p className="text-soft">{lastUse(item, Date.now())}</p>
      </RollForm>
    </Dialog>
  );
}

function RevokeDialog({ product, item, onClose }: DialogProps) {
  const revoke = useKeyChange(product, () => revokeKey(product, item.id), onClose);
  return (
    <Dialog title={`Revoke ${item.name}?`} onClose={onClose}>
      <form
        className="space-y-3 text-sm"
        onSubmit={(event) => {
          event.preventDefault();
          revoke.mutate(undefined);
        }}
      >
        {revoke.error && <Failure error={revoke.error} />}
        <p>
          Within a second, every page whose script tag has <code>{item.hint}…</code> and every server that sends with it is refused. Signals they send from then on are lost, and this cannot be
          undone.
        </p>
        <p className="font-medium">{lastUse(item, Date.now())}</p>
        <p className="text-soft">To lose nothing, roll it instead: both keys work while you change over.</p>
        <Buttons words="Revoke the key" busy={revoke.isPending} onClose={onClose} />
      </form>
    </Dialog>
  );
}

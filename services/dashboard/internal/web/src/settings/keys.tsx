import { useState } from "react";
import { Link } from "wouter";
import { CopyText } from "../deploys/copy-text";
import { Button, Card, Chip, Failure, Field, inputClass } from "../parts/ui";
import { endIn, history, lifetimes, originsOf, statusLooks, works, type Key } from "./credentials";
import { KeyDialog, OriginsEditor, type KeyAct } from "./key-dialogs";
import { createKey, useKeyChange, useKeys } from "./key-queries";
import { Choice, Copyable, Credentials, Leaked } from "./parts";

/** Settings → Ingest keys: what sends signals for this product. */
export function KeysView({ product }: { product: string }) {
  const keys = useKeys(product);
  const newest = keys.data?.items.find((key) => key.status === "active" && key.key !== "");
  return (
    <div className="space-y-6">
      <Credentials
        title="Ingest keys"
        lead="They send signals and can read nothing. They are public: they stand in your pages."
        items={keys.data?.items}
        error={keys.error}
        none="No key works: nothing can send signals. Make one below."
        row={(key) => <KeyRow key={key.id} product={product} item={key} />}
      />
      {newest && <Snippets text={newest.key} />}
      <NewKey product={product} />
      <Leaked>
        <li>
          Roll it. Anybody who has it can send signals as your product, and nothing else: choose how long the old key goes on by how fast you can change your pages.
        </li>
        <li>Put the new key into your script tag and servers. &ldquo;last used&rdquo; of the old one shows whether something still sends with it.</li>
        <li>
          When the old one has ended, see what still comes with it under{" "}
          <Link className="text-accent underline" href={`/p/${product}/signals?view=rejected`}>
            Signals → Rejected
          </Link>
          , with its page and program.
        </li>
        <li>Give the new key allowed origins, so that other people&apos;s pages cannot use it.</li>
      </Leaked>
    </div>
  );
}

function KeyRow({ product, item }: { product: string; item: Key }) {
  const [act, setAct] = useState<KeyAct>();
  const [tone, word] = statusLooks[item.status];
  return (
    <li className="space-y-2 py-3 text-sm">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <p className="min-w-0 font-medium break-words">
          {item.name} <Chip tone={tone}>{word}</Chip>
        </p>
        {works(item.status) && (
          <span className="flex flex-wrap gap-2">
            <Button aria-label={`Edit ${item.name}`} onClick={() => setAct("edit")}>
              Edit
            </Button>
            {item.status === "active" && (
              <Button aria-label={`Roll ${item.name}`} onClick={() => setAct("roll")}>
                Roll
              </Button>
            )}
            <Button aria-label={`Revoke ${item.name}`} onClick={() => setAct("revoke")}>
              Revoke
            </Button>
          </span>
        )}
      </div>
      {item.key === "" ? <code className="text-xs text-soft">{item.hint}…</code> : <Copyable label={item.name} text={item.key} />}
      {works(item.status) && <Origins item={item} />}
      <p className="text-xs text-soft">{history(item, Date.now())}</p>
      {act && <KeyDialog act={act} product={product} item={item} onClose={() => setAct(undefined)} />}
    </li>
  );
}

function Origins({ item }: { item: Key }) {
  if (item.allowed_origins.length === 0) return <p className="text-xs text-soft">Every page may use it.</p>;
  return (
    <p className="flex flex-wrap gap-1 text-xs">
      {item.allowed_origins.map((origin) => (
        <Chip key={origin}>{origin}</Chip>
      ))}
      {item.allow_without_origin && <Chip>servers</Chip>}
    </p>
  );
}

function Snippets({ text }: { text: string }) {
  const host = window.location.origin;
  return (
    <Card label="How to send">
      <h2 className="mb-3 font-semibold">How to send</h2>
      <div className="space-y-3">
        <CopyText name="Script tag" text={`<script src="${host}/s.js" data-api-key="${text}" async></script>`} />
        <CopyText
          name="curl"
          text={`curl -X POST ${host}/api/signals -H "x-api-key: ${text}" -H "Content-Type: application/json" -d '{"type":"cta_click","payload":{"path":"/"}}'`}
        />
      </div>
    </Card>
  );
}

function NewKey({ product }: { product: string }) {
  const [name, setName] = useState("");
  const [origins, setOrigins] = useState("");
  const [without, setWithout] = useState(false);
  const [days, setDays] = useState("");
  const make = useKeyChange(
    product,
    () => createKey(product, { name, allowed_origins: originsOf(origins), allow_without_origin: without, expires_at: endIn(days, Date.now()) }),
    () => {
      setName("");
      setOrigins("");
      setWithout(false);
    },
  );
  return (
    <Card label="New key">
      <h2 className="mb-3 font-semibold">New key</h2>
      {make.error && <Failure error={make.error} />}
      {make.data && (
        <div role="status" className="mb-4 rounded-lg border border-good/50 p-3 text-sm">
          <p className="mb-2">Made {make.data.name}:</p>
          <Copyable label={`the new key ${make.data.name}`} text={make.data.key} />
        </div>
      )}
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate(undefined);
        }}
      >
        <Field label="Name">
          <input className={inputClass} required maxLength={100} placeholder="Storefront" value={name} onChange={(e) => setName(e.target.value)} />
        </Field>
        <OriginsEditor origins={origins} onOrigins={setOrigins} without={without} onWithout={setWithout} />
        <Choice label="It ends" value={days} options={lifetimes} onChange={setDays} />
        <Button type="submit" look="primary" disabled={make.isPending}>
          Make the key
        </Button>
      </form>
    </Card>
  );
}

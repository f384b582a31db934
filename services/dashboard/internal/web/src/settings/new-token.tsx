import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap } from "../api";
import { Button, Card, Failure, Field, inputClass } from "../parts/ui";
import { endIn, lifetimes, scopeGroups, type Scope } from "./credentials";
import { Choice } from "./parts";

/** What an agent, a pipeline or a person's own command line usually needs. */
const presets: readonly (readonly [string, readonly Scope[]])[] = [
  ["Reading", ["products:read", "signals:read", "proposals:read", "deployments:read"]],
  ["A pipeline", ["deployments:read", "deployments:write", "proposals:read"]],
];

export function NewToken({ onMade }: { onMade: (made: { id: string; name: string; token: string }) => void }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>([]);
  const [days, setDays] = useState("90");
  const [missed, setMissed] = useState(false); // the scopes, when the form was sent
  const make = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/tokens", { body: { name, scopes: [...scopes], expires_at: endIn(days, Date.now()) } })),
    onSuccess: (made) => {
      onMade({ id: made.access_token.id, name: made.access_token.name, token: made.token });
      setName("");
      setScopes([]);
    },
  });
  return (
    <Card label="New token">
      <h2 className="mb-3 font-semibold">New token</h2>
      {make.error && <Failure error={make.error} />}
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          setMissed(scopes.length === 0);
          if (scopes.length > 0) make.mutate();
        }}
      >
        <Field label="Name">
          <input className={inputClass} required maxLength={100} placeholder="What it is for" value={name} onChange={(e) => setName(e.target.value)} />
        </Field>
        <Scopes chosen={scopes} onChange={setScopes} />
        <Choice label="It ends" value={days} options={lifetimes} onChange={setDays} />
        {days === "" && <p className="text-sm text-warn">A token without an end works until somebody remembers to revoke it.</p>}
        <Button type="submit" look="primary" disabled={make.isPending}>
          Make the token
        </Button>
        {missed && scopes.length === 0 && (
          <p role="alert" className="text-sm text-bad">
            Choose at least one scope.
          </p>
        )}
      </form>
    </Card>
  );
}

function Scopes({ chosen, onChange }: { chosen: readonly Scope[]; onChange: (scopes: readonly Scope[]) => void }) {
  return (
    <div className="space-y-3">
      <div className="flex flex-wrap items-center gap-2 text-sm">
        <span className="font-medium">What it may do</span>
        {presets.map(([words, scopes]) => (
          <Button key={words} aria-label={`Choose the scopes for: ${words}`} onClick={() => onChange(scopes)}>
            {words}
          </Button>
        ))}
      </div>
      <div className="grid gap-3 sm:grid-cols-2">
        {scopeGroups.map((group) => (
          <fieldset key={group.name} className="rounded-lg border border-line p-3">
            <legend className="px-1 text-sm font-medium">{group.name}</legend>
            {group.scopes.map(([scope, words]) => (
              <label key={scope} className="flex items-start gap-2 py-1 text-sm">
                <input
                  type="checkbox"
                  className="mt-1"
                  checked={chosen.includes(scope)}
                  onChange={(e) => onChange(e.target.checked ? [...chosen, scope] : chosen.filter((one) => one !== scope))}
                />
                <span>
                  <code className="text-xs">{scope}</code>
                  <span className="block text-xs text-soft">{words}</span>
                </span>
              </label>
            ))}
          </fieldset>
        ))}
      </div>
    </div>
  );
}

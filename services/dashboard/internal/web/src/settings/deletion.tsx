import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { asCounted } from "../format";
import { api, unwrap, type Session } from "../api";
import { Button, Card, Failure } from "../parts/ui";
import { wayBack } from "./deletion-words";

// What goes, in the words people know it by.
const goes = [
  "every product with its keys, contexts, signals and rejected signals",
  "proposals, deployments, verdicts and links to proofs",
  "webhooks with their delivery log, access tokens and signed-in browsers",
  "your e-mail address and password",
];

export function WhatGoes({ products }: { products?: number | undefined }) {
  return (
    <ul className="list-disc pl-5">
      {products !== undefined && <li>{asCounted(products, "product")}</li>}
      {goes.map((what) => (
        <li key={what}>{what}</li>
      ))}
    </ul>
  );
}

/** How long a deletion can be taken back, in seconds, as the instance tells everybody. */
async function readGrace(): Promise<number> {
  const answer = await fetch("/privacy.json");
  if (!answer.ok) throw new Error(`The privacy page answered ${answer.status}.`);
  return ((await answer.json()) as { deletion_grace_seconds: number }).deletion_grace_seconds;
}

/** Closes the account. A closed one has a page of its own. */
export function DeletionCard() {
  const queries = useQueryClient();
  const session = queries.getQueryData<Session>(["session"]);
  const products = useQuery({ queryKey: ["products"], queryFn: () => unwrap(api.GET("/api/v1/products")) });
  const grace = useQuery({ queryKey: ["deletion-grace"], queryFn: readGrace, refetchInterval: false });
  const remove = useMutation({
    mutationFn: (email: string) => unwrap(api.POST("/api/v1/account/deletion", { body: { confirm_email: email } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["session"] }),
  });
  return (
    <Card label="Delete this account">
      <h2 className="font-semibold">Delete this account</h2>
      {remove.error && <Failure error={remove.error} />}
      {session && <Confirm email={session.email} grace={grace.data} products={products.data?.items.length} pending={remove.isPending} onConfirm={(email) => remove.mutate(email)} />}
    </Card>
  );
}

interface ConfirmProps {
  email: string;
  grace: number | undefined;
  products: number | undefined;
  pending: boolean;
  onConfirm: (email: string) => void;
}

function Confirm({ email, grace, products, pending, onConfirm }: ConfirmProps) {
  const [typed, setTyped] = useState("");
  const field = useId();
  const fits = typed.trim().toLowerCase() === email.toLowerCase();
  return (
    <form
      className="mt-2 space-y-3 text-sm"
      onSubmit={(event) => {
        event.preventDefault();
        if (fits) onConfirm(typed);
      }}
    >
      <p>{wayBack(grace)}</p>
      <WhatGoes products={products} />
      <p>
        {grace === 0 ? "A paid subscription ends with it." : "A paid subscription ends with its paid period, or with all the rest if that comes first."} A signed certificate that names nobody is what is left: the page that opens
        next says where it will be.
      </p>
      <label htmlFor={field} className="block font-medium">
        Type {email} to confirm
      </label>
      <input
        id={field}
        className="w-full max-w-sm rounded border border-line bg-transparent px-2 py-1"
        autoComplete="off"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
      <div>
        <Button type="submit" disabled={!fits || pending}>
          Delete this account
        </Button>
      </div>
    </form>
  );
}

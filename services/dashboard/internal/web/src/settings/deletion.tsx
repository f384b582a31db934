import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { asCounted } from "../format";
import { api, unwrap, type Session } from "../api";
import { Button, Card, Failure } from "../parts/ui";

// What goes, in the words people know it by.
const goes = [
  "every product with its keys, contexts, signals and rejected signals",
  "proposals, deployments, verdicts and links to proofs",
  "webhooks with their delivery log, access tokens and signed-in browsers",
  "your e-mail address and password, and a paid plan at once",
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

/** Closes the account. A closed one has a page of its own. */
export function DeletionCard() {
  const queries = useQueryClient();
  const session = queries.getQueryData<Session>(["session"]);
  const products = useQuery({ queryKey: ["products"], queryFn: () => unwrap(api.GET("/api/v1/products")) });
  const remove = useMutation({
    mutationFn: (email: string) => unwrap(api.POST("/api/v1/account/deletion", { body: { confirm_email: email } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["session"] }),
  });
  return (
    <Card label="Delete this account">
      <h2 className="font-semibold">Delete this account</h2>
      {remove.error && <Failure error={remove.error} />}
      {session && <Confirm email={session.email} products={products.data?.items.length} pending={remove.isPending} onConfirm={(email) => remove.mutate(email)} />}
    </Card>
  );
}

interface ConfirmProps {
  email: string;
  products: number | undefined;
  pending: boolean;
  onConfirm: (email: string) => void;
}

function Confirm({ email, products, pending, onConfirm }: ConfirmProps) {
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
      <p>All doors close at once: signing in only lets you take it back, and no key works. After the grace period this is gone for good:</p>
      <WhatGoes products={products} />
      <p>A signed certificate that names nobody is what is left. A mail says where it will be.</p>
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

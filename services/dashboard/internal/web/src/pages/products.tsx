import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { api, unwrap, type Session } from "../api";
import { asCounted, asMoment } from "../format";
import { AccountShell } from "../parts/shell";
import { Button, Card, Empty, Failure, Field, inputClass, Loading, Title } from "../parts/ui";

export function ProductsPage({ session }: { session: Session }) {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [name, setName] = useState("");
  const products = useQuery({ queryKey: ["products"], queryFn: () => unwrap(api.GET("/api/v1/products")) });
  const create = useMutation({
    mutationFn: () => {
      const time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
      return unwrap(api.POST("/api/v1/products", { body: { name, time_zone } }));
    },
    onSuccess: (made) => {
      void queries.invalidateQueries({ queryKey: ["products"] });
      navigate(`/p/${made.product.id}/settings`);
    },
  });
  return (
    <AccountShell session={session}>
        <Title>Products</Title>
        {products.isPending && <Loading what="Loading products" />}
        {products.error && <Failure error={products.error} />}
        {products.data?.items.length === 0 && <Empty>No product yet. Name your site or app below; you get a key and a script tag for it.</Empty>}
        <ul className="grid gap-3 sm:grid-cols-2">
          {products.data?.items.map((product) => (
            <li key={product.id}>
              <Link href={`/p/${product.id}/contexts`} className="block rounded-xl border border-line bg-card p-4 hover:border-accent">
                <span className="font-semibold">{product.name}</span>
                <span className="mt-1 block text-sm text-soft">
                  {product.signals_total > 0
                    ? `${asCounted(product.signals_total, "signal")}, last received ${asMoment(product.last_signal_at)}`
                    : "Waiting for the first signal"}
                </span>
                {(product.open_proposals ?? 0) > 0 && <span className="mt-2 block text-sm font-medium text-accent">{asCounted(product.open_proposals ?? 0, "proposal")} to decide</span>}
              </Link>
            </li>
          ))}
        </ul>
        <div className="mt-8 max-w-sm">
          <Card label="New product">
            <form
              className="space-y-3"
              onSubmit={(event) => {
                event.preventDefault();
                create.mutate();
              }}
            >
              <Field label="New product">
                <input className={inputClass} value={name} required maxLength={100} placeholder="My shop" onChange={(e) => setName(e.target.value)} />
              </Field>
              {create.error && <Failure error={create.error} />}
              <Button type="submit" disabled={create.isPending}>
                Create product
              </Button>
            </form>
          </Card>
        </div>
    </AccountShell>
  );
}

import { useMutation, useQuery } from "@tanstack/react-query";
import { useSearchParams } from "wouter";
import { api, unwrap, type Schemas } from "../api";
import { Button, Card, Chip, Fact, Failure, Loading } from "../parts/ui";
import { asPrice, limitLines, subscriptionNotice, type Billing } from "./billing-words";
import { keptFor, usedOf, useUsage } from "./use-usage";

// After a checkout Stripe tells the server, which may take some seconds.
const askEvery = 2_000;
const askTimes = 30;

const waits = (billing: Billing | undefined, times: number) => billing?.enabled === true && billing.subscription === undefined && times < askTimes;

export function BillingView({ product }: { product?: string }) {
  const [search] = useSearchParams();
  const back = search.get("from");
  const billing = useQuery({
    queryKey: ["billing"],
    queryFn: () => unwrap(api.GET("/api/v1/billing")),
    refetchInterval: ({ state }) => (back === "done" && waits(state.data, state.dataUpdateCount) ? askEvery : false),
  });
  if (billing.isPending) return <Loading what="Loading billing" />;
  if (billing.error) return <Failure error={billing.error} />;
  return (
    <div className="space-y-4">
      {back === "done" && <AfterCheckout billing={billing.data} />}
      {back === "left" && billing.data.subscription === undefined && (
        <p role="status" className="text-sm text-soft">
          Nothing was bought.
        </p>
      )}
      {/* Another plan has other limits: they are asked for anew. */}
      <CurrentPlan key={billing.data.plan} billing={billing.data} product={product} />
      {billing.data.enabled && <Offers billing={billing.data} product={product} />}
    </div>
  );
}

// Stripe leads back to the settings that the person came from.
const backTo = (product: string | undefined) => (product === undefined ? {} : { product_id: product });

function AfterCheckout({ billing }: { billing: Billing }) {
  const text =
    billing.subscription !== undefined
      ? `Thank you. The account has the plan ${billing.plan_title}.`
      : "Waiting for Stripe to confirm the payment. This takes some seconds, seldom some minutes; nothing is lost when you close this page.";
  return (
    <Card label="Your purchase">
      <p role="status" className="text-sm font-medium">
        {text}
      </p>
    </Card>
  );
}

function CurrentPlan({ billing, product }: { billing: Billing; product?: string }) {
  const usage = useUsage(billing.plan);
  const notice = billing.enabled ? subscriptionNotice(billing, Date.now()) : undefined;
  const portal = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/billing/portal", { body: backTo(product) })),
    onSuccess: ({ url }) => window.location.assign(url),
  });
  return (
    <Card label="Your plan">
      <div className="mb-3 flex flex-wrap items-center justify-between gap-2">
        <h2 className="font-semibold">Your plan: {billing.plan_title}</h2>
        {billing.managed && (
          <Button onClick={() => portal.mutate()} disabled={portal.isPending}>
            Open billing portal
          </Button>
        )}
      </div>
      {!billing.enabled && (
        <p className="mb-3 text-sm">Billing is off on this server: its operator has not connected Stripe. Nobody pays here, and the limits are those the operator set.</p>
      )}
      {notice && (
        <p role={notice.tone === "warn" ? "alert" : "status"} className={`mb-3 rounded-lg border p-3 text-sm ${notice.tone === "warn" ? "border-warn/50 text-warn" : "border-line"}`}>
          {notice.tone === "warn" ? "⚠ " : ""}
          {notice.text}
        </p>
      )}
      {usage.data && <Used usage={usage.data} />}
      {(portal.error ?? usage.error) && <Failure error={(portal.error ?? usage.error) as Error} />}
    </Card>
  );
}

function Used({ usage }: { usage: Schemas["Usage"] }) {
  return (
    <dl className="grid grid-cols-1 gap-3 text-sm sm:grid-cols-2">
      <Fact name="Signals this month">{usedOf(usage.signals_used ?? usage.signals, usage.signals_limit)}</Fact>
      <Fact name="Analyses today">{usedOf(usage.analyses_today ?? 0, usage.analyses_limit)}</Fact>
      <Fact name="Signals are kept">{keptFor(usage)}</Fact>
    </dl>
  );
}

function Offers({ billing, product }: { billing: Billing; product?: string }) {
  const checkout = useMutation({
    mutationFn: (price: string) => unwrap(api.POST("/api/v1/billing/checkout", { body: { price, ...backTo(product) } })),
    onSuccess: ({ url }) => window.location.assign(url),
  });
  return (
    <Card label="Plans">
      <h2 className="mb-3 font-semibold">Plans</h2>
      {checkout.error && <Failure error={checkout.error} />}
      <ul className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
        {billing.offers.map((offer) => (
          <li key={offer.name} className="flex flex-col gap-2 rounded-lg border border-line p-3">
            <h3 className="flex items-center justify-between gap-2 font-medium">
              {offer.title}
              {offer.name === billing.plan && <Chip tone="accent">● your plan</Chip>}
            </h3>
            <ul className="grow space-y-1 text-sm text-soft">
              {limitLines(offer.limits).map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
            {offer.prices.map((price) => (
              <div key={price.id} className="flex flex-wrap items-center justify-between gap-2 text-sm">
                <span className="font-medium tabular-nums">{asPrice(price)}</span>
                {billing.subscription === undefined && (
                  <Button look="primary" aria-label={`Buy ${offer.title} for ${asPrice(price)}`} disabled={checkout.isPending} onClick={() => checkout.mutate(price.id)}>
                    Buy
                  </Button>
                )}
              </div>
            ))}
          </li>
        ))}
      </ul>
      <p className="mt-3 text-sm text-soft">
        {billing.subscription === undefined
          ? "You pay on Stripe's own page; this server never sees your card."
          : "To change or cancel, open the billing portal. Stripe counts what you have paid for already."}
      </p>
    </Card>
  );
}

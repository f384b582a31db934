import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, unwrap, type Finding } from "../api";
import { affectedText } from "../evidence";
import { asPercent, asUtc } from "../format";
import { notProposedText } from "../lifecycle";
import { Card, Chip, Empty, Failure, Loading } from "../parts/ui";
import { Evidence } from "./evidence";
import { EvidenceChart } from "./evidence-chart";

interface SkippedProps {
  product: string;
  hrefOf: (id: string) => string;
}

/** Findings that became no proposal because of what was rejected before. */
export function Skipped({ product, hrefOf }: SkippedProps) {
  const findings = useQuery({
    queryKey: ["findings", product],
    queryFn: () => unwrap(api.GET("/api/v1/products/{product_id}/findings", { params: { path: { product_id: product }, query: { limit: 100 } } })),
  });
  if (findings.isPending) return <Loading what="Loading findings" />;
  if (findings.error) return <Failure error={findings.error} />;
  const skipped = findings.data.items.filter((finding) => finding.not_proposed !== undefined);
  if (skipped.length === 0) return <Empty>Everything that was found has been proposed. What your rejections keep away would be listed here, with the reason.</Empty>;
  return (
    <div className="space-y-4">
      {skipped.map((finding) => (
        <FindingCard key={finding.id} finding={finding} product={product} hrefOf={hrefOf} />
      ))}
    </div>
  );
}

function FindingCard({ finding, product, hrefOf }: SkippedProps & { finding: Finding }) {
  const name = finding.family.replaceAll("_", " ");
  const affected = affectedText(finding.evidence, undefined);
  return (
    <Card label={name}>
      <div className="flex flex-wrap items-start justify-between gap-2">
        <h2 className="font-semibold first-letter:uppercase">{name}</h2>
        <Chip>{finding.resolved_at === undefined ? "● still there" : "✓ over"}</Chip>
      </div>
      <p className="mt-1 text-sm text-soft">
        Since {asUtc(finding.started_at)} · severity {asPercent(finding.severity)}
        {affected !== "" && ` · ${affected}`}
      </p>
      {finding.not_proposed && (
        <p className="mt-2 text-sm">
          {notProposedText(finding.not_proposed)}{" "}
          <Link href={hrefOf(finding.not_proposed.rejected_proposal_id)} className="text-accent underline">
            See what was rejected
          </Link>
        </p>
      )}
      <details className="mt-3 text-sm">
        <summary className="cursor-pointer font-medium">Evidence</summary>
        <div className="mt-3 space-y-5">
          <EvidenceChart evidence={finding.evidence} context={finding.context_id} onset={finding} />
          <Evidence of={finding} product={product} />
        </div>
      </details>
    </Card>
  );
}

import { DeletionCard } from "./deletion";
import { ExportCard } from "./export";

/** What becomes of everything the account has. */
export function DataView() {
  return (
    <div className="space-y-4">
      <ExportCard />
      <DeletionCard />
    </div>
  );
}

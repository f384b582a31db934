// Tells Specter what was deployed: the last step of a pipeline, `node deploy.mjs 2.3.2`. With SPECTER_DEPLOY_HOOK it needs
// nothing else; with SPECTER_TOKEN and SPECTER_PRODUCT it reports what waits in that product.
import { deployments, reportDeploy } from "@draftlabs/specter/node";

const version = process.argv[2];
if (!version) throw new Error("usage: node deploy.mjs <version>");
const hook = process.env.SPECTER_DEPLOY_HOOK;

if (hook) {
  const { result, reason } = await reportDeploy(hook, { version, commit: process.env.COMMIT, all: true });
  console.log(result + ":", reason);
} else {
  const account = deployments({ host: process.env.SPECTER_URL ?? "https://specter.example.com", token: process.env.SPECTER_TOKEN ?? "" });
  for await (const { id, status } of account.list(process.env.SPECTER_PRODUCT ?? "")) {
    if (status !== "planned") continue;
    const deployment = await account.report(id, { version });
    console.log(deployment.title + ":", deployment.status);
  }
}

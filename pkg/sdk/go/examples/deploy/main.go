// Command deploy reports the approved proposals of an account as deployed with a version: a step at the
// end of a deployment pipeline.
//
//	SPECTER_HOST=https://specter.example.com SPECTER_TOKEN=spt_… deploy 2.3.2
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	specter "github.com/draftlabs/specter/pkg/sdk/go"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) != 2 {
		return errors.New("usage: deploy <version>")
	}
	client, err := specter.New("", specter.WithHost(os.Getenv("SPECTER_HOST")), specter.WithToken(os.Getenv("SPECTER_TOKEN")))
	if err != nil {
		return err
	}
	for proposal, err := range client.Proposals().List(ctx, specter.ProposalFilter{Status: specter.ProposalApproved}) {
		if err != nil {
			return err
		}
		deployment, err := client.Deployments().Get(ctx, proposal.DeploymentID)
		if err != nil {
			return err
		}
		if deployment.Status != specter.DeploymentPlanned {
			continue
		}
		if deployment, err = client.Deployments().Report(ctx, deployment.ID, specter.DeploymentReport{Version: os.Args[1]}); err != nil {
			return err
		}
		fmt.Printf("%s: %s\n", deployment.Title, deployment.Status)
	}
	return nil
}

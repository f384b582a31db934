#!/usr/bin/env bash
# Installs the pinned developer tools named as arguments (all of them without arguments)
# into .tools/bin, each only when it is missing or of another version.
set -euo pipefail
cd "$(dirname "$0")/.."

pins='
buf            github.com/bufbuild/buf/cmd/buf                              v1.75.0
protoc-gen-go  google.golang.org/protobuf/cmd/protoc-gen-go                 v1.36.12
oapi-codegen   github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen     v2.8.2
sqlc           github.com/sqlc-dev/sqlc/cmd/sqlc                            v1.31.1
golangci-lint  github.com/golangci/golangci-lint/v2/cmd/golangci-lint       v2.15.0
gotestsum      gotest.tools/gotestsum                                       v1.13.0
'
mkdir -p .tools/bin
wanted=" ${*:-buf protoc-gen-go oapi-codegen sqlc golangci-lint gotestsum} "
while read -r name package version; do
  [ -n "$name" ] || continue
  case "$wanted" in *" $name "*) ;; *) continue ;; esac
  if [ -x ".tools/bin/$name" ] && go version -m ".tools/bin/$name" | grep -q "^[[:space:]]mod[[:space:]].*[[:space:]]$version\([[:space:]]\|\$\)"; then
    continue
  fi
  echo "tools: installing $name $version" >&2
  GOWORK=off GOBIN="$PWD/.tools/bin" go install "$package@$version"
done <<EOT
$pins
EOT

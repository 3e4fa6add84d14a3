#!/bin/sh
# What an operator's script does for a drift check: a virsh for each question.
set -eu
for name in $(virsh -r net-list --all --name); do
    virsh -r net-dumpxml "$name"
    virsh -r net-dumpxml --inactive "$name"
    virsh -r net-info "$name"
done

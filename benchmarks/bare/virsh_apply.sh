#!/bin/sh
# What an operator's script does for an apply from nothing.
set -eu
for file in "$1"/*; do
    name=$(basename "$file" .xml)
    virsh net-define "$file"
    virsh net-autostart "$name"
    virsh net-start "$name"
done

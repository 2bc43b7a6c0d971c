#!/bin/sh
# Makes configure and Makefile.in from their sources.
cd "$(dirname "$0")" && exec autoreconf -fi

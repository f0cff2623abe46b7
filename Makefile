# make                 build/glasstap
# make check           all tests; as root it installs what they need first
# make demo            an HTTPS exchange of a Go program, in the clear (root)
# make bench           the figures of bench/README.md (root)
# make fuzz            FUZZ_SECONDS for each parser
# make install         DESTDIR= PREFIX=/usr/local
# make clean
#
# V=1 shows the commands, SAN=1 builds with the address and undefined behaviour
# sanitizers into build/san, WERROR=1 (or CI=true) makes warnings errors.

VERSION := 0.1.0

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 30
CLANG ?= clang

# A user's PATH has no sbin, where Debian keeps bpftool.
BPFTOOL ?= $(shell PATH="$$PATH:/usr/local/sbin:/usr/sbin:/sbin" command -v bpftool || \
	echo bpftool)

ARCH ?= $(shell uname -m)
BPF_ARCH := $(patsubst x86_64,x86,$(patsubst aarch64,arm64,$(ARCH)))

# Each kind of build has its own directory, so that objects never mix. SAN=fuzz
# is for libFuzzer. The kernel programs are the same for all.
ifeq ($(SAN),)
B := build
CHECKS := -D_FORTIFY_SOURCE=2
else ifeq ($(SAN),fuzz)
B := build/fuzz
CC := $(CLANG)
CHECKS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_MAIN := -fsanitize=fuzzer
else
B := build/san
CHECKS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

WARN := -Wall -Wextra $(if $(filter true,$(CI))$(filter 1,$(WERROR)),-Werror)
CPPFLAGS += -D_GNU_SOURCE= -DGLASSTAP_VERSION='"$(VERSION)"' -Isrc -Ibuild/bpf
CFLAGS ?= -O2 -g
COMPILE = $(CC) -std=gnu17 $(CPPFLAGS) $(CFLAGS) $(WARN) $(CHECKS) -fPIE \
	-fstack-protector-strong -MMD -MP
LINK = $(CC) $(CFLAGS) $(CHECKS) -pie -pthread -Wl,--as-needed -Wl,-z,relro,-z,now $(LDFLAGS)
LIBS := -lbpf -lelf -lz -lcrypto

BPF_FLAGS := -O2 -g -target bpf -mcpu=v3 -D__BPF__ -D__TARGET_ARCH_$(BPF_ARCH) -Isrc -Isrc/bpf \
	-idirafter /usr/include/$(shell $(CC) -print-multiarch) \
	-Wall -Werror

SOURCES := $(sort $(wildcard $(addsuffix /*.c,src src/base src/flow src/out src/source src/sym src/tls)))
OBJECTS := $(SOURCES:%.c=$(B)/%.o)
PARTS := $(filter-out $(B)/src/main.o,$(OBJECTS))
SKELETON := build/bpf/glasstap.skel.h

UNIT := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
HELPERS := $(patsubst %.c,$(B)/%,$(wildcard tests/live/*.c bench/*.c))
WITH_PARTS := $(UNIT) $(B)/bench/decrypt

# The demo is in Go: the distribution's, or one of scripts/go-compilers.
GO ?= $(or $(shell command -v go),$(lastword $(wildcard $(CURDIR)/build/go/*/usr/lib/go-*/bin/go)),go)

Q := $(if $(filter 1,$(V)),,@)
SILENT := $(filter 1,$(V))$(findstring s,$(firstword -$(MAKEFLAGS)))
say = $(if $(SILENT),,@printf '  %-8s %s\n' $(1) $(2))

.PHONY: all arches unit fuzzers helpers demo-programs check demo bench fuzz fuzz-run install clean
.DELETE_ON_ERROR:
.SECONDARY:

all: $(B)/glasstap

$(B)/glasstap: $(OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

# A change of the Makefile may be one of the flags.
$(B)/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -c -o $@ $<

$(filter $(B)/src/source/%,$(OBJECTS)): | $(SKELETON)

build/bpf/glasstap.bpf.o: src/bpf/glasstap.bpf.c Makefile
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_FLAGS) -MMD -MP -c -o $@ $<

# The kernel programs for every machine that is meant, whatever this one is.
arches: build/bpf/x86/glasstap.bpf.o build/bpf/arm64/glasstap.bpf.o

build/bpf/%/glasstap.bpf.o: src/bpf/glasstap.bpf.c Makefile
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(patsubst -D__TARGET_ARCH_%,-D__TARGET_ARCH_$*,$(BPF_FLAGS)) -MMD -MP -c -o $@ $<

build/bpf/glasstap.o: build/bpf/glasstap.bpf.o
	$(call say,BPFTOOL,$@)
	$(Q)$(BPFTOOL) gen object $@ $<

$(SKELETON): build/bpf/glasstap.o
	$(call say,BPFTOOL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name glasstap_bpf > $@

# Tests and helpers: a program for each file.

# libssl makes the traffic that the decryptor is tested with.
$(WITH_PARTS): $(B)/%: $(B)/%.o $(PARTS)
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(LIBS) -lssl

ifeq ($(SAN),fuzz)
$(FUZZERS): $(B)/%: $(B)/%.o $(PARTS)
else
$(FUZZERS): $(B)/%: $(B)/%.o $(B)/tests/fuzz/driver.o $(PARTS)
endif
	$(call say,LINK,$@)
	$(Q)$(LINK) $(FUZZ_MAIN) -o $@ $^ $(LIBS) -lssl

$(filter-out $(WITH_PARTS),$(HELPERS)): $(B)/%: $(B)/%.o
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $^

build/demo/demo: demo/main.go demo/go.mod
	$(call say,GO,$@)
	$(Q)mkdir -p $(@D)
	$(Q)cd demo && GOCACHE=$(CURDIR)/build/demo/cache GOTOOLCHAIN=local GOPROXY=off GOFLAGS= \
		GO111MODULE=on $(GO) build -o ../$@ .

# The instruction decoder beside Zydis (libzydis-dev).
$(B)/tests/zydis/compare: $(B)/tests/zydis/compare.o $(filter $(B)/src/sym/insn%,$(OBJECTS))
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $^ -lZydis

unit: $(UNIT)
fuzzers: $(FUZZERS)
helpers: $(HELPERS)
demo-programs: build/demo/demo

check:
	+@scripts/check

demo:
	+@scripts/demo

bench:
	+@scripts/setup build && scripts/setup test && scripts/setup bench && scripts/setup matrix
	+@scripts/go-compilers build/go 1.27; scripts/go-programs; :
	+@$(MAKE) --no-print-directory all helpers
	+@bench/run

fuzz:
	+@scripts/setup build
	+@if echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | $(CLANG) -x c \
		-fsanitize=fuzzer,address,undefined -o /dev/null - 2>/dev/null; \
	then $(MAKE) --no-print-directory SAN=fuzz fuzz-run; \
	else $(MAKE) --no-print-directory SAN=1 fuzz-run; fi

# New inputs are kept in build/corpus from one run to the next.
fuzz-run: $(FUZZERS)
	$(Q)for fuzzer in $(FUZZERS); do \
		name=$${fuzzer##*/fuzz_}; corpus=build/corpus/$$name; seeds=tests/fuzz/corpus/$$name; \
		mkdir -p $$corpus; [ -d $$seeds ] || seeds=; \
		echo "  FUZZ     $$name, $(FUZZ_SECONDS) s"; \
		if [ "$(SAN)" = fuzz ]; then \
			$$fuzzer -max_total_time=$(FUZZ_SECONDS) -verbosity=0 -print_final_stats=1 \
				-artifact_prefix=build/corpus/$$name- $$corpus $$seeds || exit 1; \
		else \
			FUZZ_SECONDS=$(FUZZ_SECONDS) $$fuzzer $$corpus $$seeds || exit 1; \
		fi; \
	done

build/glasstap.bash: build/glasstap
	$(Q)$< --completion=bash > $@

install: build/glasstap build/glasstap.bash
	$(call say,INSTALL,$(DESTDIR)$(PREFIX))
	$(Q)install -D -m 755 build/glasstap $(DESTDIR)$(PREFIX)/bin/glasstap
	$(Q)install -D -m 644 man/glasstap.1 $(DESTDIR)$(PREFIX)/share/man/man1/glasstap.1
	$(Q)install -D -m 644 build/glasstap.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/glasstap

clean:
	$(Q)rm -rf build

-include $(shell find $(B) build/bpf -name '*.d' 2>/dev/null)

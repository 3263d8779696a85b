# Makefile - builds the two C modules and runs everything that is run from a checkout; `make help` lists the targets.
#
# Everything that is made lands in build/ (BUILD). The C core is compiled once for all Luas, the rest once for each.
# What a target needs and the machine lacks is installed, or named, by spec/support/deps.sh.

LUA ?= 5.4
ALL_LUAS := 5.1 5.2 5.3 5.4 jit
LOOP ?=
# Tests run on every Lua, unless LUA was given.
LUAS ?= $(if $(filter file,$(origin LUA)),$(ALL_LUAS),$(LUA))
# The specs run in luv's loop, too, on one Lua that can give way anywhere and on the one that can't.
LUV_LUAS  := $(filter $(LUAS),5.1 5.4)
ifneq ($(filter-out $(ALL_LUAS),$(LUA) $(LUAS)),)
$(error LUA must be one of $(ALL_LUAS), not "$(filter-out $(ALL_LUAS),$(LUA) $(LUAS))")
endif

BUILD     ?= build
PREFIX    ?= /usr/local
CFLAGS    ?= -O2 -g
# `make WERROR=-Werror` is for our own compilers; a user's newer one may warn about what ours don't know.
WERROR    ?=
WARNINGS  := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
SANITIZE  := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
MAKEFLAGS += --no-print-directory
# `make V=1` shows whole commands.
say = $(if $(V),,@echo "  $(1) $@";)

# pkg-config's answer, or nothing where it has none: $(call pkg,--cflags,NAME...) asks for the first name it knows.
pkg = $(shell for name in $(2); do pkg-config $(1) $$name 2>/dev/null && break; done)

# The folder of a Lua's headers, looked up when it is first needed. Named to the compiler as a system folder, since
# our warnings are not Lua's.
lua_pkgs  = $(if $(filter jit,$(1)),luajit,lua$(1) lua-$(1) lua$(subst .,,$(1)))
lua_dirs  = $(if $(filter jit,$(1)),luajit-2.1 luajit-2.0,lua$(1) lua-$(1) lua/$(1))
lua_found = $(firstword $(patsubst -I%,%,$(filter -I%,$(call pkg,--cflags,$(call lua_pkgs,$(1))))) \
              $(patsubst %/lua.h,%,$(wildcard $(foreach d,$(call lua_dirs,$(1)),/usr/include/$(d)/lua.h \
              /usr/local/include/$(d)/lua.h))))
lua_inc   = $(addprefix -isystem ,$(or $(LUA_INCDIR),$(call lua_found,$(1))))
$(foreach l,$(ALL_LUAS),$(eval INC_$(l) = $$(eval INC_$(l) := $$$$(call lua_inc,$(l)))$$(INC_$(l))))

CRYPTO_CFLAGS = $(call pkg,--cflags,libcrypto)
CRYPTO_LIBS   = $(or $(call pkg,--libs,libcrypto),-lcrypto)
CURL_CFLAGS   = $(call pkg,--cflags,libcurl)
CURL_LIBS     = $(or $(call pkg,--libs,libcurl),-lcurl)
lua_libs      = $(or $(call pkg,--libs,$(call lua_pkgs,$(1))),-l$(if $(filter jit,$(1)),luajit-5.1,lua$(1)))
LUA_LIBS      = $(call lua_libs,5.4)
CMOCKA_LIBS   = $(or $(call pkg,--libs,cmocka),-lcmocka)

COMPILE = $(CC) -std=c11 -fPIC $(WARNINGS) $(WERROR) $(CPPFLAGS) $(CFLAGS) -MMD -MP
SHARED  = $(CC) -shared $(CFLAGS) $(LDFLAGS)
TEST_INCLUDES = -Icsrc -Ispec -Ispec/support -I$(BUILD)/unit
PROGRAM = $(COMPILE) $(LDFLAGS)

CORE_OBJ  := $(patsubst csrc/core/%.c,$(BUILD)/obj/core/%.o,$(sort $(wildcard csrc/core/*.c)))
LUA_SRC   := $(sort $(wildcard csrc/lua/*.c))
CURL_SRC  := $(sort $(wildcard csrc/curl/*.c))
LUA_FILES := $(sort $(shell find lua -name '*.lua'))
# unit/NAME and host/NAME; those of host embed a Lua, for which 5.4 stands in.
C_TESTS   := $(patsubst spec/%.c,%,$(sort $(wildcard spec/host/test_*.c)) $(sort $(wildcard spec/unit/test_*.c)))
C_BENCHES := $(patsubst spec/bench/%.c,%,$(sort $(wildcard spec/bench/*.c)))
MODULES    = $(foreach l,$(LUAS),$(BUILD)/$(l)/jdcloud/core.so $(BUILD)/$(l)/jdcloud/curl.so)

LUA_SHARE  = $(DESTDIR)$(PREFIX)/share/lua/$(patsubst jit,5.1,$(LUA))
LUA_LIB    = $(DESTDIR)$(PREFIX)/lib/lua/$(patsubst jit,5.1,$(LUA))

# What `make static` makes, and where: the models of SERVICES (all by default), libcurl's module unless CURL=no.
SERVICES  ?=
CURL      ?= yes
STATIC    ?= $(BUILD)/static

NEED_BUILD = cc crypto curl
NEED_RUN   = $(NEED_BUILD) $(foreach l,$(sort $(1) jit),dev:$(l)) $(foreach l,$(sort $(1) jit),lua:$(l)) \
             $(foreach l,$(sort $(1) jit),cjson:$(l)) nginx openssl
NEED_C     = $(NEED_BUILD) cmocka dev:5.4 lua:5.4 cjson:5.4
NEED_SPEC  = busted:$(1) luv:$(1) socket:$(1) redis
NEED_TEST  = $(call NEED_RUN,$(LUAS)) $(NEED_C) $(foreach l,$(sort $(LUAS) jit),$(call NEED_SPEC,$(l)))

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: build modules static static-library demo gateway test unit c-tests spec sanitize bench bench-programs \
  sim lint checks models install clean help FORCE

build: ## build both modules for LUA (5.1 5.2 5.3 5.4 jit; 5.4 by default)
	@spec/support/deps.sh --check $(NEED_BUILD) dev:$(LUA)
	@$(MAKE) modules LUAS=$(LUA)

modules: $(MODULES)

static: ## make one library with the Lua files in it, for LUA: SERVICES="vm disk" (all by default), CURL=no
	@spec/support/deps.sh --check cc crypto $(if $(filter no,$(CURL)),,curl) dev:$(LUA) lua:$(LUA)
	@$(MAKE) static-library
	@echo 'Link it: cc program.c -I$(STATIC) $(patsubst -isystem%,-I%,$(INC_$(LUA))) $(STATIC)/libjdcloud.a' \
	  '$(strip $(if $(filter no,$(CURL)),,$(CURL_LIBS)) $(CRYPTO_LIBS) $(call lua_libs,$(LUA)))'

static-library: $(STATIC)/libjdcloud.a

demo: ## show what the library does, against a gateway on this machine
	@spec/support/deps.sh $(call NEED_RUN,$(LUA))
	@$(MAKE) modules LUAS="$(sort $(LUA) jit)"
	@BUILD=$(BUILD) spec/support/lua.sh $(LUA) examples/demo.lua

gateway: ## run the local gateway in nginx until it is interrupted; ARGS="--limit 20 --window 3", ARGS=--help
	@spec/support/deps.sh $(call NEED_RUN,$(LUA))
	@$(MAKE) modules LUAS="$(sort $(LUA) jit)"
	@BUILD=$(BUILD) exec spec/support/lua.sh $(LUA) lua/jdcloud/gateway/serve.lua $(ARGS)

test: ## run every test on every Lua (or on LUA, if it is given)
	@spec/support/deps.sh $(NEED_TEST)
	@$(MAKE) modules c-tests LUAS="$(sort $(LUAS) 5.4 jit)"
	@BUILD=$(BUILD) spec/support/run.sh $(LUAS:%=host:%) $(LUAS:%=unit:%) unit:nginx $(LUV_LUAS:%=unit:luv-%) \
	  $(C_TESTS) same canary

unit: ## run the C tests
	@spec/support/deps.sh $(NEED_C)
	@$(MAKE) modules c-tests LUAS=5.4
	@BUILD=$(BUILD) spec/support/run.sh $(C_TESTS)

spec: ## run one spec FILE on one LUA; LOOP=luv: in luv's loop; LOOP=nginx: in nginx, for LUA=jit
	@spec/support/deps.sh $(call NEED_RUN,$(LUA)) $(call NEED_SPEC,$(LUA))
	@$(MAKE) modules $(if $(findstring embed,$(FILE)),$(BUILD)/examples/embed) LUAS="$(sort $(LUA) jit)"
	@BUILD=$(BUILD) LOOP=$(LOOP) spec/support/lua.sh $(LUA) spec/support/busted$(if $(filter nginx,$(LOOP)),_nginx).lua \
	  $(or $(FILE),spec/unit)

sanitize: ## run the tests under the address and undefined-behaviour sanitizers, and under valgrind
	@spec/support/deps.sh $(NEED_TEST) asan valgrind
	@$(MAKE) modules c-tests BUILD=$(BUILD)/asan CFLAGS="$(SANITIZE)" WERROR= LUAS="5.1 5.4 jit"
	@$(MAKE) modules c-tests LUAS="5.4 jit"
	@BUILD=$(BUILD) spec/support/sanitize.sh $(C_TESTS)

bench: ## measure signing, calls and loading
	@spec/support/deps.sh $(call NEED_RUN,$(LUA))
	@$(MAKE) modules bench-programs LUAS="$(sort $(LUA) jit)"
	@BUILD=$(BUILD) spec/support/lua.sh $(LUA) spec/bench/run.lua

sim: ## simulate limiters and storms on virtual time; the tables go to spec/sim/table.txt and storms.txt
	@spec/support/deps.sh $(NEED_BUILD)
	@$(MAKE) $(BUILD)/sim/table $(BUILD)/sim/storms
	@$(BUILD)/sim/storms >$(BUILD)/sim/storms.txt && cp $(BUILD)/sim/storms.txt spec/sim/storms.txt
	@$(BUILD)/sim/table >$(BUILD)/sim/table.txt; status=$$?; tail -n 1 $(BUILD)/sim/table.txt; \
	cp $(BUILD)/sim/table.txt spec/sim/table.txt; exit $$status

lint: ## check formats, warnings and house rules
	@spec/support/deps.sh $(NEED_BUILD) $(ALL_LUAS:%=dev:%) cmocka clang clang-format clang-tidy luacheck shellcheck \
	  lua:5.4 cjson:5.4
	@$(MAKE) checks

# A make of its own, since a recipe is expanded before its first line has installed anything.
checks:
	+@BUILD=$(BUILD) WARNINGS="$(WARNINGS)" LUA_INCLUDE="$(INC_5.4)" spec/support/lint.sh

models: ## make the models of lua/jdcloud/services/ from the folder FACTS (spec/facts by default)
	@spec/support/deps.sh lua:$(LUA) cjson:$(LUA)
	@BUILD=$(BUILD) spec/support/lua.sh $(LUA) spec/support/models.lua '$(or $(FACTS),spec/facts)'

install: build ## install for LUA into PREFIX (/usr/local); DESTDIR is honoured
	@set -e; for file in $(LUA_FILES:lua/%=%); do install -D -m 644 lua/$$file $(LUA_SHARE)/$$file; done; \
	for so in core curl; do install -D -m 755 $(BUILD)/$(LUA)/jdcloud/$$so.so $(LUA_LIB)/jdcloud/$$so.so; done

clean: ## remove everything that was made, by luarocks too
	rm -rf $(BUILD) jdcloud
	find csrc -name '*.o' -exec rm -f {} +

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

c-tests: $(C_TESTS:%=$(BUILD)/%) $(BUILD)/examples/embed
bench-programs: $(C_BENCHES:%=$(BUILD)/bench/%)

# Everything compiled depends on this file, which changes only when the compiler or its flags do.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(COMPILE) $(LDFLAGS)' | cmp -s - $@ || echo '$(COMPILE) $(LDFLAGS)' > $@

$(BUILD)/obj/core/%.o: csrc/core/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) $(CRYPTO_CFLAGS) -c -o $@ $<

$(BUILD)/core.a: $(CORE_OBJ)
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $^

# $(1): a Lua. The sources are those that the rockspec lists.
define rules_of_lua
$(BUILD)/obj/$(1)/%.o: csrc/%.c $(BUILD)/flags
	@mkdir -p $$(@D)
	$$(call say,CC)$$(COMPILE) $$(INC_$(1)) $$(CURL_CFLAGS) -c -o $$@ $$<

$(BUILD)/$(1)/jdcloud/core.so: $(LUA_SRC:csrc/%.c=$(BUILD)/obj/$(1)/%.o) $(CORE_OBJ)
	@mkdir -p $$(@D)
	$$(call say,LD)$$(SHARED) -o $$@ $$^ $$(CRYPTO_LIBS)

$(BUILD)/$(1)/jdcloud/curl.so: $(CURL_SRC:csrc/%.c=$(BUILD)/obj/$(1)/%.o) $(BUILD)/obj/core/buf.o
	@mkdir -p $$(@D)
	$$(call say,LD)$$(SHARED) -o $$@ $$^ $$(CURL_LIBS)
endef
$(foreach l,$(ALL_LUAS),$(eval $(call rules_of_lua,$(l))))

# A static library: $(1) its folder, $(2) a Lua, $(3) services or none for all, $(4) "no": without libcurl's module.
# The file of its Lua texts is written anew only if it is to change. All is one object, so that no other name of ours
# than jdc_preload and the luaopen_ can meet one of the program's.
define rules_of_static
$(1)/modules-$(2).c: FORCE
	@mkdir -p $$(@D)
	@spec/support/lua.sh $(2) spec/support/static.lua $$@ '$(4)' $(3)

$(1)/modules-$(2).o: $(1)/modules-$(2).c $(BUILD)/flags
	$$(call say,CC)$$(COMPILE) $$(INC_$(2)) -Wno-overlength-strings -Wno-missing-prototypes -Icsrc -c -o $$@ $$<

$(1)/made-for: FORCE
	@mkdir -p $$(@D)
	@echo $(2) $(4) | cmp -s - $$@ || echo $(2) $(4) >$$@

$(1)/libjdcloud.a: $(1)/modules-$(2).o $(BUILD)/obj/$(2)/static/preload.o $(CORE_OBJ) \
  $(LUA_SRC:csrc/%.c=$(BUILD)/obj/$(2)/%.o) $(if $(filter no,$(4)),,$(CURL_SRC:csrc/%.c=$(BUILD)/obj/$(2)/%.o)) \
  csrc/static/jdcloud_static.h $(1)/made-for
	@rm -f $$@
	@$(CC) -r -nostdlib -o $(1)/jdcloud.o $$(filter %.o,$$^)
	@objcopy --wildcard -G jdc_preload -G 'luaopen_jdcloud_*' $(1)/jdcloud.o
	@cp csrc/static/jdcloud_static.h $(1)/
	$$(call say,AR)$(AR) rcs $$@ $(1)/jdcloud.o
	@rm -f $(1)/jdcloud.o
endef
$(eval $(call rules_of_static,$(STATIC),$(LUA),$(SERVICES),$(CURL)))
$(eval $(call rules_of_static,$(BUILD)/examples,5.4,vm disk,no))
$(eval $(call rules_of_static,$(BUILD)/host,5.4))

$(BUILD)/examples/embed: examples/embed.c $(BUILD)/examples/libjdcloud.a $(BUILD)/flags
	$(call say,LD)$(PROGRAM) $(INC_5.4) -I$(@D) -o $@ $< $(@D)/libjdcloud.a $(CRYPTO_LIBS) $(LUA_LIBS)

$(BUILD)/unit/vectors.h: spec/support/vectors_to_c.lua spec/vectors/sign.json
	@mkdir -p $(@D)
	$(call say,LUA)spec/support/lua.sh 5.4 $^ > $@

$(BUILD)/unit/test_sign: $(BUILD)/unit/vectors.h

# Linked from an archive, so that a test takes from the core only what it tests.
$(BUILD)/unit/%: spec/unit/%.c $(BUILD)/core.a $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,LD)$(PROGRAM) $(TEST_INCLUDES) -o $@ $< $(BUILD)/core.a $(CMOCKA_LIBS) $(CRYPTO_LIBS)

$(BUILD)/host/test_threads: $(BUILD)/host/libjdcloud.a
$(BUILD)/host/test_threads: HOST_LIBS = -pthread $(BUILD)/host/libjdcloud.a $(CURL_LIBS) $(CRYPTO_LIBS)

$(BUILD)/host/%: spec/host/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,LD)$(PROGRAM) $(TEST_INCLUDES) $(INC_5.4) -I$(@D) -o $@ $< $(HOST_LIBS) $(CMOCKA_LIBS) $(LUA_LIBS)

$(BUILD)/bench/%: spec/bench/%.c $(BUILD)/core.a $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,LD)$(PROGRAM) $(TEST_INCLUDES) $(CURL_CFLAGS) -o $@ $< $(BUILD)/core.a \
	  -Wl,--as-needed $(CURL_LIBS) $(CRYPTO_LIBS)

$(BUILD)/sim/%: spec/sim/%.c $(BUILD)/core.a $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,LD)$(PROGRAM) $(TEST_INCLUDES) -o $@ $< $(BUILD)/core.a $(CRYPTO_LIBS)

.SECONDARY:
-include $(wildcard $(BUILD)/obj/*/*.d $(BUILD)/obj/*/*/*.d $(BUILD)/unit/*.d $(BUILD)/host/*.d $(BUILD)/bench/*.d \
  $(BUILD)/sim/*.d $(BUILD)/examples/*.d)

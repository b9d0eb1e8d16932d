# What OpenWrt's rules.mk gives to a package's Makefile, as far as ours uses it: this machine builds for itself. WORK is the
# folder of one build.
INCLUDE_DIR := $(TOPDIR)/include
DL_DIR := $(WORK)/dl
TARGET_CC ?= cc
TARGET_CFLAGS ?= -Os -pipe
TARGET_CPPFLAGS ?= -I$(WORK)/include
TARGET_LDFLAGS ?= -L$(WORK)/lib
HOSTCC := cc
TAR := tar
CP := cp -fpR
INSTALL_DIR := install -d -m0755
INSTALL_BIN := install -m0755
INSTALL_DATA := install -m0644
INSTALL_CONF := install -m0600

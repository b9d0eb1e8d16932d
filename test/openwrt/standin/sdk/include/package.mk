# What OpenWrt's package.mk makes of a package's Makefile: steps to call, and the package's texts.
PKG_BUILD_DIR := $(WORK)/$(PKG_NAME)-$(PKG_VERSION)
PKG_JOBS := $(if $(PKG_BUILD_PARALLEL),-j2)

define Build/Prepare/Default
	$(TAR) -C $(PKG_BUILD_DIR)/.. -xJf $(DL_DIR)/$(PKG_SOURCE)
endef

define Download
$(eval $(Download/$(1)))
download-$(1):
	@echo '$(URL)$(FILE) $(HASH)'
endef

define BuildPackage
$(eval $(Package/$(1)))
ifeq ($(1),$(PKG_NAME))
download:
	@echo '$(PKG_SOURCE_URL)$(PKG_SOURCE) $(PKG_HASH)'
prepare:
	mkdir -p $(PKG_BUILD_DIR)
	$(Build/Prepare)
compile:
	$(Build/Compile)
endif
install-$(1):
	$(call Package/$(1)/install,$(WORK)/root)
facts-$(1):
	@echo '$(SECTION) / $(CATEGORY) / $(DEPENDS)'
endef

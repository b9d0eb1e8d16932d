# What OpenWrt's package.mk makes of a package's Makefile: steps to call, and the package's texts.
define Download
$(eval $(Download/$(1)))
download-$(1):
	@echo '$(URL)$(FILE) $(HASH)'
endef

define BuildPackage
$(eval $(Package/$(1)))
prepare:
	$(Build/Prepare)
compile:
	$(Build/Compile)
install:
	$(call Package/$(1)/install,$(WORK)/root)
facts:
	@echo '$(SECTION) / $(CATEGORY) / $(DEPENDS)'
endef

# frozen_string_literal: true

# Native gems for other platforms, in the containers of rb-sys-dock, which set RUBY_CC_VERSION; see docs/packaging.md.
# Elsewhere rake-compiler's tasks are not defined: they would take the place of ours.
if ENV["RUBY_CC_VERSION"]
  require "rb_sys/extensiontask"
  require "rubygems/package_task"
  require_relative "package/native_gem"

  specification = Gem::Specification.load("flock_of_chefs.gemspec")
  Gem::PackageTask.new(specification, &:package_dir) # rb-sys-dock asks for its task "gem", too
  RbSys::ExtensionTask.new("flock_of_chefs", specification) do |extension|
    extension.lib_dir = "lib/flock_of_chefs"
    extension.cross_compile = true
    extension.cross_platform = %w[x86_64-linux x86_64-linux-musl aarch64-linux aarch64-linux-musl]
    extension.cross_compiling do |packed|
      packed.files.reject! { |file| file.match?(NativeGem::SOURCES) }
      packed.metadata.delete("cargo_crate_name")
    end
  end
end

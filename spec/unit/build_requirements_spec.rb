# frozen_string_literal: true

require "fileutils"
require "open3"
require "rbconfig"
require "tmpdir"
require_relative "../../ext/flock_of_chefs/requirements"

RSpec.describe BuildRequirements do
  extension = File.expand_path("../../ext/flock_of_chefs", __dir__)

  around { |example| Dir.mktmpdir { |dir| (@dir = dir) && example.run } }

  # Runs extconf.rb with nothing on the PATH but what a spec puts there.
  define_method(:extconf) do |tools: {}, env: {}|
    tools.each do |name, text|
      path = File.join(@dir, name)
      File.write(path, "#!/bin/sh\necho '#{text}'\n")
      File.chmod(0o755, path)
    end
    Open3.capture2e({ "PATH" => @dir }.merge(env), RbConfig.ruby, "#{extension}/extconf.rb", chdir: @dir)
  end

  it "finds nothing missing where the extension was built" do
    expect(described_class.complaint).to be_nil
  end

  it "refuses a Ruby that is too old before it reads anything that such a Ruby cannot" do
    pretend = "Object.send(:remove_const, :RUBY_VERSION); RUBY_VERSION = '2.7.8'; load ARGV.first"
    out, status = Open3.capture2e(RbConfig.ruby, "-e", pretend, "#{extension}/extconf.rb", chdir: @dir)
    expect([status.exitstatus, out]).to match([1, /needs Ruby 3.1 or newer, and this is Ruby 2\.7\.8 .*Chef 18/])
    text = File.read("#{extension}/extconf.rb")
    expect(text.lines.grep(/^\s*def .* = |^\s*in [A-Z\[{]|=> *\w+:$/)).to be_empty # syntax of 3.0 and newer
  end

  it "names everything that is missing, with its Debian package, in one message" do
    out, status = extconf
    expect(status.exitstatus).to eq(1)
    expect(out).to include("rustc #{described_class.rust_version} or newer", "cargo", "rustup.rs", "install clang",
                           "install make", "install build-essential")
    expect(File.exist?(File.join(@dir, "Makefile"))).to be(false)
  end

  it "refuses an old rustc and says which it found" do
    out, = extconf(tools: { "rustc" => "rustc 1.63.0 (4b91a6ea7 2022-08-08)" })
    expect(out).to include("found 1.63.0", "rustup update")
  end

  it "writes a Makefile when all is there" do
    names = %w[cargo clang make cc] << RbConfig::CONFIG["CC"].split.first
    tools = names.to_h { |name| [File.basename(name), ""] }.merge("rustc" => "rustc 99.0.0")
    out, status = extconf(tools:, env: { "FLOCK_PROFILE" => "dev" })
    expect(status).to be_success, out
    expect(File.read(File.join(@dir, "Makefile"))).to include("cargo build --locked --lib --profile dev", "/debug/")
  end

  it "knows two profiles" do
    out, status = Open3.capture2e({ "FLOCK_PROFILE" => "fast" }, RbConfig.ruby, "#{extension}/extconf.rb", chdir: @dir)
    expect([status.exitstatus, out]).to match([1, /dev and release/])
  end
end

# frozen_string_literal: true

require "rbconfig"

# What a build from source needs; asked before cargo is, because cargo's own complaint stands deep in the log.
module BuildRequirements
  # What is missing, and the Debian package that has it.
  Missing = Struct.new(:what, :remedy)

  ROOT = File.expand_path("../..", __dir__)
  LIBCLANG = %w[/usr/lib/llvm-*/lib /usr/lib/*-linux-gnu /usr/lib64 /usr/lib /usr/local/lib /usr/local/opt/llvm/lib
                /opt/homebrew/opt/llvm/lib /Library/Developer/CommandLineTools/usr/lib].freeze

  class << self
    # @return [Array<Missing>] empty when the build can begin
    def missing
      [rust, tool("cargo", rustup), tool("clang", "apt-get install clang"), libclang,
       tool("make", "apt-get install make"), compiler, headers].compact
    end

    # @return [String, nil] what to print when something is missing
    def complaint
      lines = missing.map { |lack| "  #{lack.what}: #{lack.remedy}" }
      "flock_of_chefs cannot be built here; missing (remedies for Debian):\n#{lines.join("\n")}" if lines.any?
    end

    # @return [String] the oldest rustc that will do, as in Cargo.toml
    def rust_version = File.read(File.join(ROOT, "Cargo.toml"))[/^rust-version = "([\d.]+)"/, 1]

    private

    def rust
      found = run("rustc", "--version")[/\d+\.\d+\.\d+/]
      return Missing.new("rustc #{rust_version} or newer", rustup) unless found
      return if Gem::Version.new(found) >= Gem::Version.new(rust_version)

      Missing.new("rustc #{rust_version} or newer (found #{found})", "rustup update stable, or #{rustup}")
    end

    def rustup = "install it from https://rustup.rs (Debian's rustc may be too old)"

    def tool(name, remedy) = (Missing.new(name, remedy) unless which(name))

    def compiler
      cc = RbConfig::CONFIG["CC"].to_s.split.first || "cc"
      Missing.new("a C compiler (#{cc})", "apt-get install build-essential") unless which(cc) || which("cc")
    end

    def headers
      header = File.join(RbConfig::CONFIG["rubyhdrdir"].to_s, "ruby.h")
      Missing.new("Ruby's headers (#{header})", "apt-get install ruby-dev") unless File.exist?(header)
    end

    def libclang
      places = [*ENV.fetch("LIBCLANG_PATH", nil), *LIBCLANG]
      found = places.any? { |place| File.file?(place) || Dir.glob("#{place}/libclang{,-*}.{so*,dylib}").any? }
      Missing.new("libclang", "apt-get install libclang-dev, or set LIBCLANG_PATH") unless found
    end

    def which(name)
      return File.executable?(name) if name.include?("/")

      ENV.fetch("PATH", "").split(File::PATH_SEPARATOR).any? do |dir|
        path = File.join(dir, name)
        File.file?(path) && File.executable?(path)
      end
    end

    def run(*command)
      IO.popen([*command, { err: File::NULL }], &:read).to_s
    rescue SystemCallError
      ""
    end
  end
end

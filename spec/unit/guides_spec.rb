# frozen_string_literal: true

require "open3"
require "shellwords"
require "tmpdir"
require_relative "../../docs/picture"
require_relative "../support/guide"
require_relative "../support/guide/coverage"
require_relative "../support/guide/links"
require "flock_of_chefs/cli"

# What can be said of the guides without running them; spec/acceptance/guides_spec.rb runs them.
RSpec.describe Guide do
  files = described_class.files
  examples = described_class::Coverage.examples

  describe "links" do
    files.each do |file|
      it("lead somewhere: #{file}") { expect(described_class::Links.broken(file)).to eq([]) }
    end

    it "are found to lead nowhere" do
      Dir.mktmpdir do |dir|
        File.write(File.join(dir, "one.md"), "# One\n[a](two.md) [b](#one) [c](#two) `[d](x.md)` [e](https://x.y)\n")
        expect(described_class::Links.broken("one.md", root: dir)).to eq(["two.md", "#two"])
      end
    end
  end

  it "has no block that is indented in place of fenced, which nobody would look at" do
    expect { files.each { |file| described_class.examples(file) } }.not_to raise_error
    Dir.mktmpdir do |dir|
      stub_const("Guide::ROOT", dir)
      File.write(File.join(dir, "one.md"), "- a list\n    goes on\n\n```sh\n\n    x\n```\n\n    flockctl backup x\n")
      expect { described_class.examples("one.md") }.to raise_error(/\Aone.md:9: flockctl backup x: make it/)
    end
  end

  describe "coverage" do
    coverage = described_class::Coverage

    it "has a spec that runs each guide's examples" do
      specs = described_class.for_users.map { |file| coverage.runner(file) }.uniq
      forgetful = specs.reject do |spec|
        File.read(File.join(described_class::ROOT, spec)).match?(/Guide(?:::Coverage\.fences|\.examples)/)
      end
      expect([specs.size, forgetful]).to eq([3, []])
    end

    it "has each guide on the fleet that has something to run" do
      spec = File.read(File.join(described_class::ROOT, coverage::ON_A_FLEET))
      guides = coverage.fences(coverage::ON_A_FLEET).map(&:file).uniq
      expect(guides.reject { |file| spec.match?(/\b#{File.basename(file, ".md")}\b/) }).to eq([])
    end

    it "lists what is not run with its reason, and nothing else" do
      expect([coverage.forgotten, coverage.needless]).to eq([[], []])
    end
  end

  it "has examples of known languages only, so that somebody looks at each" do
    expect(examples.map(&:language).uniq - %w[ruby sh toml ini console text inline yaml]).to eq([])
  end

  describe "commands" do
    # What looks like flockctl's command line in an example.
    command_lines = lambda do |example|
      lines = { "sh" => :commands, "inline" => :commands, "console" => :typed }[example.language]
      found = lines ? example.public_send(lines) : []
      found.flat_map { |line| line.scan(/(?:\A|[;&|(] *|do )(flockctl [^;&|)]+)/).flatten }
    end

    def complaint(line)
      words = Shellwords.split(line.delete_suffix(" &")).drop(1) - %w[… --help]
      found = FlockOfChefs::CLI.get(words)
      return ("no such command" if words.size > found.names.size) unless found.found?

      # Text may name a command and leave out what it is to be called with.
      missing = found.command.required_arguments.map { "X" }
      parsed = [[], missing].map do |more|
        Dry::CLI::Parser.call(found.command, found.arguments + more, found.names)
      end
      parsed.last.error if parsed.all?(&:error?)
    end

    it "exist, with their options" do
      wrong = examples.flat_map do |example|
        command_lines.call(example).filter_map do |line|
          why = complaint(line)
          "#{example}: #{line}: #{why}" if why
        end
      end
      expect(wrong).to eq([])
    end

    it "are told from such that do not exist" do
      expect(complaint("flockctl notfy web1")).to eq("no such command")
      expect(complaint("flockctl nodes --rolle web")).to include("rolle")
    end
  end

  examples.select { |one| one.language == "ruby" }.each do |example|
    it("is Ruby: #{example}") { expect { RubyVM::InstructionSequence.compile(example.text) }.not_to raise_error }
  end

  examples.select { |one| one.language == "toml" }.each do |example|
    it "is an agent.toml: #{example}" do
      Dir.mktmpdir do |dir|
        File.write(file = File.join(dir, "agent.toml"), "name = \"web1\"\n#{example.text}")
        expect { FlockOfChefs::Native.config(file) }.not_to raise_error
      end
    end
  end

  examples.select { |one| one.language == "ini" }.each do |example|
    it "is a unit that systemd takes: #{example}" do
      skip "no systemd-analyze here" unless system("which systemd-analyze", out: File::NULL)

      Dir.mktmpdir do |dir|
        unit = File.join(dir, "flock-agent.service")
        File.write(unit, example.text.sub(/^ExecStart=\S+/, "ExecStart=/bin/true"))
        said, status = Open3.capture2e("systemd-analyze", "verify", unit)
        expect([status.success?, said.lines.grep(/flock-agent/)]).to eq([true, []])
      end
    end
  end

  # Messages are quoted in one line; … and words in capitals stand for what is another each time.
  it "quotes messages in troubleshooting.md that the code has" do
    code = Dir[File.join(described_class::ROOT, "{lib,cookbook/libraries}/**/*.rb"),
               File.join(described_class::ROOT, "ext/*/src/**/*.rs")].map { |file| File.read(file) }
    text = code.join.gsub(/\\?\s*"? ?\\?\n\s*"?/, " ").gsub(/#?\{[\w.]*\}/, "…").squeeze(" ")
    quoted = File.read(File.join(described_class::ROOT, "docs/troubleshooting.md")).gsub(/^```.*?^```$/m, "")
                 .scan(/`([^`]+)`/).flatten.grep(/[a-z] [a-z]+ /).map { |one| one.tr("\n", " ") }
                 .grep_v(/\A(?:flockctl|systemctl|journalctl|undefined)/)
    expect(quoted.size).to be > 5
    missing = quoted.flat_map { |one| one.split(/…|\b[A-Z]{2,}(?::[A-Z]+)?\b/).map(&:strip) }
                    .select { |part| part.size > 8 }.reject { |part| text.include?(part) }
    expect(missing).to eq([])
  end

  it "has the picture that docs/picture.rb draws; `rake doc:picture` draws it again" do
    expect(File.read(File.join(described_class::ROOT, "docs/picture.svg"))).to eq(Picture.new.to_s)
  end

  # The preference of the reader's browser chooses the colours, whatever the page's are.
  it "has a picture with a ground of its own, light or dark as the text on it is" do
    expect(Picture.new.to_s[/<rect.*?>/]).to include('class="page" x="0" y="0" width="880" height="430"')
    expect(Picture::STYLE.scan(/\.page \{ fill: (#\h+)/).flatten).to eq(["#ffffff", "#0d1117"])
  end
end

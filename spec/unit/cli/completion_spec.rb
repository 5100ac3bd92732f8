# frozen_string_literal: true

require "open3"
require "flock_of_chefs/cli"
require "support/shells"

RSpec.describe FlockOfChefs::CLI::Completion do
  def script(shell) = described_class.script(shell)

  %w[bash zsh fish].each do |shell|
    describe shell do
      let(:of_shell) { Shells.new(shell, script(shell)) }

      def offered(line) = of_shell.offers("flockctl #{line}")

      it "completes commands and subcommands" do
        expect(offered("no")).to match_array(%w[node nodes notifications notify])
        expect(offered("token ")).to eq(["create"])
        expect(offered("notifications sh")).to eq(["show"])
        expect(offered("")).to match_array(FlockOfChefs::CLI.commands.keys.map { |words| words.split.first }.uniq)
      end

      it "completes options, with those of the command only" do
        expect(offered("run-chef --wa")).to eq(["--wait"])
        expect(offered("call --ba")).to eq(["--batch"])
        expect(offered("status --ba")).to eq([])
        expect(offered("notifications list --dir")).to eq(["--direction"])
      end

      it "completes values of options, also after a sign" do
        expect(offered("nodes -F j")).to match_array(%w[json jsonl])
        expect(offered("nodes --format=ya")).to eq(["yaml"])
        expect(offered("notifications --direction ")).to match_array(%w[in out])
        expect(offered("nodes --role we")).to eq([])
      end

      it "completes arguments by what they are, and counts past options" do
        expect(offered("why we")).to match_array(%w[web1 web2])
        expect(offered("run-chef --wait 10m --why-run d")).to eq(["db1"])
        expect(offered("run-chef --wait=10m d")).to eq(["db1"])
        expect(offered("wait web1 d")).to eq(["db1"])
        expect(offered("notify web1 ")).to eq([])
        expect(offered("log-level d")).to eq(["debug"])
        expect(offered("config check /etc/host").join(" ")).to match(%r{(/etc/|\b)hosts\b})
      end

      it("is a script of it") { expect(Open3.capture3(shell, "-n", stdin_data: script(shell))[1]).to eq("") }
    end
  end

  it "knows no other shell" do
    expect { script("tcsh") }.to raise_error(FlockOfChefs::ConfigurationError, /bash, zsh, fish/)
  end
end

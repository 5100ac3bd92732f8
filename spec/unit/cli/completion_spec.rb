# frozen_string_literal: true

require "open3"
require "tempfile"
require "tmpdir"
require "flock_of_chefs/cli"

RSpec.describe FlockOfChefs::CLI::Completion do
  def script(shell) = described_class.script(shell)

  # What a real bash offers for the last of these words; `flockctl` there only knows the names of three nodes.
  def offered(*words)
    Dir.mktmpdir do |dir|
      File.write(File.join(dir, "flockctl"), <<~SH)
        #!/bin/sh
        [ "$*" = 'nodes -F names' ] && printf 'web1\\nweb2\\ndb1\\n'
      SH
      File.chmod(0o755, File.join(dir, "flockctl"))
      File.write(File.join(dir, "completion"), script("bash"))
      program = "source #{dir}/completion; COMP_WORDS=(flockctl \"$@\"); COMP_CWORD=$#; _flockctl; " \
                'printf "%s\n" "${COMPREPLY[@]}"'
      env = { "PATH" => "#{dir}:#{ENV.fetch("PATH")}" }
      out, err, status = Open3.capture3(env, "bash", "-c", program, "bash", *words)
      raise err unless status.success? && err.empty?

      out.split("\n")
    end
  end

  describe "bash" do
    it "completes commands and subcommands" do
      expect(offered("no")).to match_array(%w[node nodes notifications notify])
      expect(offered("token", "")).to eq(["create"])
      expect(offered("notifications", "sh")).to eq(["show"])
      expect(offered("")).to match_array(FlockOfChefs::CLI.commands.keys.map { |words| words.split.first }.uniq)
    end

    it "completes options, with those of the command only" do
      expect(offered("run-chef", "--wa")).to eq(["--wait"])
      expect(offered("call", "--ba")).to eq(["--batch"])
      expect(offered("status", "--ba")).to eq([])
      expect(offered("notifications", "list", "--dir")).to eq(["--direction"])
    end

    it "completes values of options, also after a sign" do
      expect(offered("nodes", "-F", "j")).to match_array(%w[json jsonl])
      expect(offered("nodes", "--format", "=", "ya")).to eq(["yaml"])
      expect(offered("notifications", "--direction", "")).to match_array(%w[in out])
      expect(offered("nodes", "--role", "we")).to eq([])
    end

    it "completes arguments by what they are, and counts past options" do
      expect(offered("why", "we")).to match_array(%w[web1 web2])
      expect(offered("run-chef", "--wait", "10m", "--why-run", "d")).to eq(["db1"])
      expect(offered("wait", "web1", "d")).to eq(["db1"])
      expect(offered("notify", "web1", "")).to eq([])
      expect(offered("log-level", "d")).to eq(["debug"])
      expect(offered("config", "check", "/etc/host")).to include("/etc/hosts")
    end

    it("is a script of bash") { expect(Open3.capture3("bash", "-n", stdin_data: script("bash"))[1]).to eq("") }
  end

  { "zsh" => "-n", "fish" => "--no-execute" }.each do |shell, check|
    it "is a script of #{shell}" do
      skip "#{shell} is not installed" unless system("command -v #{shell} > /dev/null")

      Tempfile.create("completion") do |file|
        file.write(script(shell))
        file.flush
        expect(Open3.capture3(shell, check, file.path)[1]).to eq("")
      end
    end

    it "names every command and every option for #{shell}" do
      text = script(shell)
      FlockOfChefs::CLI.commands.each do |words, command|
        expect(text).to include("'#{words.split.last}").or include("#{words}'")
        command.options.each { |option| expect(text).to include(option.name.to_s.tr("_", "-")) }
      end
    end
  end

  it "knows no other shell" do
    expect { script("tcsh") }.to raise_error(FlockOfChefs::ConfigurationError, /bash, zsh, fish/)
  end
end

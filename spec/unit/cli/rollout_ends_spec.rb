# frozen_string_literal: true

require "json"
require "open3"
require "pty"
require "rbconfig"
require "shellwords"
require "tmpdir"

# How a rollout ends when its reader goes away or a signal comes: real shells, pipes and terminals.
RSpec.describe "flockctl with nine nodes" do
  root = File.expand_path("../../..", __dir__)
  program = [RbConfig.ruby, "-I#{root}/lib", "#{root}/spec/support/many_nodes.rb"].shelljoin
  run_chef = "#{program} run-chef --role web --wait 10m --batch 1"

  around do |example|
    Dir.mktmpdir do |dir|
      @asked = "#{dir}/asked"
      example.run
    end
  end

  def asked = File.exist?(@asked) ? File.readlines(@asked, chomp: true) : []

  # What bash says of a pipe, and the exit code of its first command.
  def piped(line, **env)
    env = { "ASKED" => @asked, **env.transform_keys(&:to_s) }
    out, status = Open3.capture2(env, "bash", "-c", "#{line}; exit ${PIPESTATUS[0]}")
    [out, status.exitstatus]
  end

  # All that a terminal was sent.
  def on_terminal(line, **env)
    PTY.spawn({ "ASKED" => @asked, **env.transform_keys(&:to_s) }, line) do |reader, _, pid|
      said = +""
      loop { said << reader.readpartial(4096) }
    rescue Errno::EIO, EOFError
      return [said, Process.wait2(pid).last.exitstatus]
    end
  end

  # It has asked the node at which it hangs.
  def interrupted(line, signal)
    env = { "ASKED" => @asked, "HANGING" => "web3" }
    Open3.popen3(env, *line.shellsplit) do |_, out, err, process|
      deadline = Time.now + 60
      sleep(0.02) until asked.include?("web3") || Time.now > deadline
      Process.kill(signal, process.pid)
      return [out.read, err.read, process.value.exitstatus]
    end
  end

  it "asks them all although nobody hears of it" do
    out, code = piped("#{run_chef} 2>&1 | head -1")
    expect([out.lines.size, code, asked.uniq.size]).to eq([1, 0, 9])
  end

  it "ends with its own exit code although nobody hears of it" do
    expect(piped("#{run_chef} --max-errors 0 2>&1 | head -1", FAILING: "web2").last).to eq(7)
    expect(asked.uniq).to eq(%w[web1 web2])
    expect(piped("#{program} run-chef web1 2>&1 | true", FAILING: "web1").last).to eq(7)
  end

  it "ends with its own exit code although nobody reads on" do
    call = "#{program} call --role web cache flush 2>/dev/null"
    expect(piped("#{call} | head -1", LONG: "200000", FAILING: "web2")).to match([/\Aweb1: /, 7])
  end

  { INT: 130, TERM: 143 }.each do |signal, exit_code|
    it "tells what is known when #{signal} comes, and ends as #{exit_code}" do
      out, err, code = interrupted("#{run_chef} -F jsonl", signal)
      states = out.lines.to_h { |line| JSON.parse(line).values_at("node", "state") }
      expect(states.values.tally).to eq("succeeded" => 2, "unknown" => 1, "not_asked" => 6)
      expect(err).to include("interrupted", "  flockctl call web3 flock_api state\n",
                             "  flockctl run-chef --select node:web4,web5,web6,web7,web8,web9 --wait 10m --batch 1\n")
      expect(code).to eq(exit_code)
    end
  end

  it "says on a terminal why it went wrong, in words that command no terminal" do
    said, code = on_terminal("#{program} call --role web cache flush", FAILING: "web2,web3")
    expect(said).to include("web2: not \\e]0;pwn\\ayou\r\n", "web3: not \\e]0;pwn\\ayou\r\n")
    expect([said.include?("\e]"), code]).to eq([false, 7])
    expect(on_terminal("#{program} run-chef web1", FAILING: "web1").first)
      .to eq("flockctl: not \\e]0;pwn\\ayou\r\n")
  end

  it "refuses a wrong batch on a terminal in one clean line" do
    said, code = on_terminal("#{program} run-chef --role web --wait 1 --batch few")
    expect([said, code]).to match([/\Aflockctl: --batch few: [^\r\n\e]*\r\n\z/, 1])
  end
end

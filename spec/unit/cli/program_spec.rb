# frozen_string_literal: true

require "open3"
require "rbconfig"
require "tmpdir"

# The program itself, as a shell sees it: streams and exit codes.
RSpec.describe "flockctl" do
  root = File.expand_path("../../..", __dir__)

  define_method(:flockctl) do |*arguments, env: {}|
    out, err, status = Open3.capture3(env, RbConfig.ruby, "-I#{root}/lib", "#{root}/exe/flockctl", *arguments)
    [out, err, status.exitstatus]
  end

  it "prints its version" do
    expect(flockctl("--version")).to eq(["flockctl #{FlockOfChefs::VERSION}\n", "", 0])
    expect(flockctl("version")).to eq(flockctl("-v"))
  end

  it "prints help that was asked for to stdout, and else to stderr" do
    expect(flockctl("--help")).to match([a_string_including("flockctl notify"), "", 0])
    expect(flockctl).to match(["", a_string_including("flockctl notify"), 1])
  end

  {
    %w[nods] => /\Aflockctl: unknown command "nods"; did you mean "nodes"\?\n\z/,
    %w[token creat] => /\Aflockctl: unknown command "creat"; did you mean "create"\?\n\z/,
    %w[xyzzy] => /\Aflockctl: unknown command "xyzzy"; see flockctl --help\n\z/,
    %w[notifications shwo] => /\Aflockctl: unexpected "shwo"; did you mean "show"\?\n\z/,
    %w[nodes a b] => /\Aflockctl: unexpected "b"; see --help\n\z/,
    %w[run-chef --role web --role db] => /\Aflockctl: --role is given more than once; write --role a,b .*\n\z/,
    %w[nodes --tag a,b --ta c] => /\Aflockctl: --tag is given more than once/,
    %w[nodes --environment a --environment=b] => /\A.*--environment is given more than once; a node has one\n\z/,
    %w[nodes --select role:a --select tag:b] => /\A.*--select is given more than once; .*role:web AND tag:canary'\n\z/,
    %w[nodes --bogus] => /\Aflockctl: .*--bogus.*--help\n\z/,
    %w[notify web1] => /\Aflockctl: .*usage: .*NODE RESOURCE ACTION.*\n\z/,
    %w[nodes --format xml] => /\Aflockctl: .*xml.*\n\z/
  }.each do |arguments, complaint|
    it "answers #{arguments.join(" ")} with one line and 1" do
      expect(flockctl(*arguments)).to match(["", complaint, 1])
    end
  end

  it "names the remedy when nothing is configured" do
    out, err, code = flockctl("status", "--config", "/nonexistent/agent.toml")
    expect([out, err.lines.size, code]).to eq(["", 1, 1])
    expect(err).to include("/nonexistent/agent.toml", "flockctl init")
  end

  it "is 4 and one line when no agent answers" do
    Dir.mktmpdir do |dir|
      config = File.join(dir, "agent.toml")
      File.write(config, <<~TOML)
        name = "b1"
        data_dir = "#{dir}"
        socket = "#{dir}/agent.sock"
        [registry]
        url = "embedded"
      TOML
      out, err, code = flockctl("status", "--config", config)
      expect([out, err.lines.size, code]).to eq(["", 1, 4]), err
    end
  end

  it "reads UTF-8 where no locale is set, as under cron" do
    script = <<~RUBY
      require "flock_of_chefs/cli"
      client = Object.new
      def client.invoke(_request, arguments, timeout_ms:)
        puts arguments
        { "result" => "null", "topic" => "", "version" => "" }
      end
      FlockOfChefs::CLI::Way.define_singleton_method(:client) { |*, **| client }
      exit FlockOfChefs::CLI.start(ARGV)
    RUBY
    paths = $LOAD_PATH.map { |path| "-I#{path}" }
    out, err, = Open3.capture3({ "LC_ALL" => "C", "RUBYOPT" => nil }, RbConfig.ruby, *paths, "-e", script, "--",
                               *%w[call web1 api greet é {"x":"ü"}])
    expect([out.dup.force_encoding("UTF-8").lines.first, err]).to eq(["[\"é\",{\"x\":\"ü\"}]\n", ""])
  end

  it "says which argument is no text" do
    expect(flockctl("nodes", "\xE9")).to eq(["", "flockctl: the argument \"\\xE9\" is not UTF-8\n", 1])
  end

  it "shows a backtrace only when asked to" do
    _, err, = flockctl("status", "--config", "/nonexistent/agent.toml", env: { "FLOCK_DEBUG" => "1" })
    expect(err).to include("cli/way.rb")
  end
end

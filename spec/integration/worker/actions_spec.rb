# frozen_string_literal: true

require "support/worker_node"

# One real chef-client run, then a real worker process for each example.
RSpec.shared_examples "a worker that fires one resource of the last run" do |warm:|
  before(:context) do
    @node = WorkerNode.new(warm:)
    @node.cookbook("cb", files)
    @node.converge
  end

  after(:context) { @node.close }

  attr_reader :node

  def in_node(name) = @node.path(name)

  def files
    {
      "attributes/default.rb" => "default['cb']['greeting'] = 'hello'\n",
      "libraries/helper.rb" => "module CbHelper\n  def self.shout(text) = text.upcase\nend\n",
      "files/static.txt" => "static\n",
      "templates/motd.erb" => "<%= @words.join(' ') %>\n",
      "resources/greeting.rb" => custom_resource,
      "recipes/default.rb" => recipe
    }
  end

  def custom_resource
    <<~RUBY
      unified_mode true
      provides :cb_greeting
      property :path, String, name_property: true
      property :text, String, default: lazy { node['cb']['greeting'] }
      action :write do
        file new_resource.path do
          content CbHelper.shout(new_resource.text)
        end
      end
      action(:fail_inside) do
        execute 'inner' do
          command 'echo very-secret-value; exit 4'
          sensitive true
        end
      end
    RUBY
  end

  def recipe
    <<~RUBY
      ::File.write('#{in_node("compiled")}', ::Chef::Config[:why_run].inspect)
      ruby_block('block') { block { ::File.write('#{in_node("block")}', ENV['PATH']) }; action :nothing }
      file('#{in_node("plain")}') { content 'plain'; mode '0640'; action :nothing }
      file('#{in_node("lazy")}') { content(lazy { node['cb']['greeting'] * 2 }); action :nothing }
      template '#{in_node("motd")}' do
        source 'motd.erb'
        variables(lazy { { words: [node['cb']['greeting'], node['platform'] ? 'platform' : 'none'] } })
        only_if { ::File.exist?('#{in_node("allow_motd")}') }
        action :nothing
      end
      cookbook_file('#{in_node("static")}') { source 'static.txt'; action :nothing }
      cb_greeting('#{in_node("custom")}') { action :write }
      cb_greeting('inside') { action :nothing }
      file('#{in_node("notifier")}') do
        content 'x'
        action :nothing
        notifies :run, 'ruby_block[later]', :delayed
        notifies :run, 'ruby_block[before]', :before
      end
      ruby_block('before') { block { ::File.write('#{in_node("before")}', ::File.exist?('#{in_node("notifier")}').to_s) }; action :nothing }
      ruby_block('later') { block { ::File.write('#{in_node("later")}', 'later') }; action :nothing }
      ruby_block('subscriber') do
        block { ::File.write('#{in_node("subscriber")}', 'told') }
        subscribes :run, 'file[#{in_node("notifier")}]', :immediately
        action :nothing
      end
      file('#{in_node("updates then fails")}') do
        content 'x'
        action :nothing
        notifies :run, 'ruby_block[in between]', :immediately
        notifies :run, 'execute[fails]', :immediately
      end
      ruby_block('in between') { block {}; action :nothing; notifies :run, 'ruby_block[after failure]', :delayed }
      execute('fails') { command 'echo top-secret-token; exit 3'; environment('K' => 'top-secret-token'); action :nothing }
      ruby_block('after failure') { block { ::File.write('#{in_node("after failure")}', '1') }; action :nothing }
      ruby_block('raises') { block { raise ArgumentError, 'no "top secret" here' + (' x' * 2000) }; action :nothing }
      ruby_block('sensitive') { block { raise 'the token is 12345' }; sensitive true; action :nothing }
      execute('forgiven') { command 'exit 5'; ignore_failure true; action :nothing }
      ruby_block('twice') { block { ::File.write('#{in_node("twice")}', 'a') }; action :nothing }
      ruby_block('twice') { block { ::File.write('#{in_node("twice")}', 'b') }; action :nothing }
      file('#{in_node("at compile time")}') { content Time.now.to_f.to_s; compile_time true }
      ruby_block('maps') { block { ::File.write('#{in_node("maps")}', ::File.read("/proc/self/maps")) }; action :nothing }
      ruby_block('loaded') { block { ::File.write('#{in_node("loaded")}', $LOADED_FEATURES.join("\\n")) }; action :nothing }
      execute('leaves a process') { command '(sleep 30 >/dev/null 2>&1 & echo $! > #{in_node("left")})'; action :nothing }
      package('no such package') { action :nothing }
      ruby_block('exits') { block { exit 7 }; action :nothing }
    RUBY
  end

  def done(updated: true) = include("status" => "done", "code" => "", "updated" => updated)

  it "runs a ruby_block with the run's environment" do
    expect(node.fire("ruby_block[block]", "run")).to done.and include("resources_updated" => 1, "drafts" => [])
    expect(node.read("block")).to eq(node.snapshot["ruby"]["env"]["PATH"])
  end

  it "creates a file once, and says when nothing was updated" do
    expect(node.fire("file[#{in_node("plain")}]", "create")).to done
    expect(File.stat(in_node("plain")).mode & 0o777).to eq(0o640)
    expect(node.fire("file[#{in_node("plain")}]", "create")).to done(updated: false)
  end

  it "trap 3: evaluates lazy values anew instead of restoring their text" do
    expect(node.fire("file[#{in_node("lazy")}]", "create")).to done
    expect(node.read("lazy")).to eq("hellohello")
  end

  it "obeys guards, and renders a template of the copied cookbook with lazy variables" do
    expect(node.fire("template[#{in_node("motd")}]", "create")).to done(updated: false)
    node.write("allow_motd", "")
    expect(node.fire("template[#{in_node("motd")}]", "create")).to done
    expect(node.read("motd")).to eq("hello platform\n")
  end

  it "installs a cookbook_file" do
    expect(node.fire("cookbook_file[#{in_node("static")}]", "create")).to done
    expect(node.read("static")).to eq("static\n")
  end

  it "runs a custom resource with its library" do
    File.delete(in_node("custom"))
    expect(node.fire("cb_greeting[#{in_node("custom")}]", "write")).to done
    expect(node.read("custom")).to eq("HELLO")
  end

  it "trap 4: runs before, immediate and delayed notifications and subscriptions, each once and in order" do
    expect(node.fire("file[#{in_node("notifier")}]", "create")).to done.and include("resources_updated" => 4)
    expect(node.read("before")).to eq("false")
    expect([node.read("later"), node.read("subscriber")]).to eq(%w[later told])
  end

  it "runs delayed notifications after a failure, too, and reports the first error" do
    result = node.fire("file[#{in_node("updates then fails")}]", "create")
    expect(result).to include("status" => "failed", "code" => "action_failed", "updated" => true)
    expect(result["message"]).to match(/ShellCommandFailed.*received '3'/)
    expect(node).to exist("after failure")
  end

  it "tells of an error neither output, quoted values nor more than 1 KiB" do
    messages = [node.fire("execute[fails]", "run"), node.fire("ruby_block[raises]", "run")].map { |r| r["message"] }
    expect(messages.join).not_to include("secret")
    expect(messages.last).to start_with("ArgumentError: ")
    expect(messages.map(&:bytesize)).to all(be <= 1024)
  end

  it "tells only the class of a sensitive resource's error, nested ones included" do
    expect(node.fire("ruby_block[sensitive]", "run")).to include("status" => "failed", "message" => "RuntimeError")
    result = node.fire("cb_greeting[inside]", "fail_inside")
    expect(result).to include("status" => "failed", "message" => "Mixlib::ShellOut::ShellCommandFailed")
  end

  it "honours ignore_failure, and mentions the failure" do
    expect(node.fire("execute[forgiven]", "run")).to done(updated: false).and include("message" => /received '5'/)
  end

  it "takes an exit in a recipe's block for a failure" do
    expect(node.fire("ruby_block[exits]", "run")).to include("status" => "failed", "message" => /SystemExit/)
  end

  it "refuses an action that the resource does not have" do
    result = node.fire("ruby_block[block]", "instance_eval")
    expect(result).to include("status" => "failed", "code" => "action_not_allowed",
                              "message" => /it has nothing, run, create/)
  end

  it "refuses a key that is declared twice" do
    expect(node.fire("ruby_block[twice]",
                     "run")).to include("code" => "action_not_allowed", "message" => /declared 2 times/)
    expect(node).not_to exist("twice")
  end

  it "refuses a resource inside a custom resource, and says so" do
    skip "Chef 16 collects actions only for reporters" if node.snapshot["chef_version"].start_with?("16.")

    result = node.fire("file[#{in_node("custom")}]", "create")
    expect(result).to include("code" => "action_not_allowed", "message" => /inside a custom resource/)
  end

  it "says that a resource is absent" do
    expect(node.fire("service[nowhere]", "restart")).to include("status" => "failed", "code" => "resource_absent")
  end

  it "trap 10: finds a resource by the type that the recipe says" do
    expect(node.cards).to include("package[no such package]")
    result = node.fire("package[no such package]", "nothing")
    expect(result).to done(updated: false)
  end

  it "compiles in why-run: a compile_time resource does not touch the machine" do
    written = node.read("at compile time")
    node.fire("ruby_block[block]", "run")
    expect(node.read("at compile time")).to eq(written)
    expect(node.read("compiled")).to eq("true")
  end

  it "trap 6: a process that the action leaves behind does not keep Chef's run lock" do
    node.fire("execute[leaves a process]", "run")
    left = Integer(node.read("left"))
    expect(Process.kill(0, left)).to eq(1)
    expect(node.fire("ruby_block[block]", "run")).to done
  ensure
    Process.kill(:KILL, left) if left
  end

  it "maps no native library of ours" do
    node.fire("ruby_block[maps]", "run")
    expect(node.read("maps")).to include("ruby").and(satisfy { |maps| !maps.include?("/flock_of_chefs.so") })
  end

  it "loads neither InSpec nor, without a search, a Chef server" do
    node.fire("ruby_block[loaded]", "run")
    expect(node.read("loaded").lines.grep(%r{/inspec\.rb|/chef_zero/})).to be_empty
  end

  it "trap 14: leaves no trace in Chef's own reports and saves no snapshot" do
    before = [node.generation, Dir.children(File.join(node.data_dir, "snapshots")).sort]
    node.fire("ruby_block[block]", "run")
    expect([node.generation, Dir.children(File.join(node.data_dir, "snapshots")).sort]).to eq(before)
    expect(node.log).not_to match(/Converging|Recipe:|Running handlers/)
  end
end

RSpec.describe "A worker fires one resource of the last run" do
  context "when it is cold" do
    it_behaves_like "a worker that fires one resource of the last run", warm: false
  end

  context "when it is warm" do
    it_behaves_like "a worker that fires one resource of the last run", warm: true
  end
end

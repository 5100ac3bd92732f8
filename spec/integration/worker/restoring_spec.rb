# frozen_string_literal: true

require "support/worker_node"

# Whether compiling a snapshot gives what the run had.
RSpec.shared_examples "a snapshot compiled again" do |warm:|
  before { @node = WorkerNode.new(warm:) }

  after { @node.close }

  attr_reader :node

  # A ruby_block that writes the value of an expression.
  def shows(name, expression)
    "ruby_block('#{name}') { block { ::File.write('#{node.path(name)}', (#{expression}).inspect) }; action :nothing }\n"
  end

  def shown(name, generation: node.generation)
    result = node.fire("ruby_block[#{name}]", "run", generation: generation)
    raise "#{result}\n#{node.log}" unless result["status"] == "done"

    node.read(name)
  end

  it "trap 7: does not double what attribute files append, at any level" do
    node.cookbook("cb", "attributes/default.rb" => <<~RUBY, "recipes/default.rb" => shows("list", "node['cb'].to_h"))
      default['cb']['list'] = ['a']
      default['cb']['list'] << 'b'
      force_default['cb']['forced'] = (node['cb']['forced'] || []).to_a + ['c']
      override['cb']['over'] = ['d']
      override['cb']['over'] << 'e'
      force_override['cb']['forced_over'] = (node['cb']['forced_over'] || []).to_a + ['f']
    RUBY
    node.write("roles/web.json", JSON.generate("name" => "web", "json_class" => "Chef::Role", "chef_type" => "role",
                                               "default_attributes" => { "cb" => { "role" => 1 } },
                                               "run_list" => ["recipe[cb]"]))
    node.converge("role[web]")
    expect(eval(shown("list"))).to eq( # rubocop:disable Security/Eval
      "list" => %w[a b], "forced" => %w[c], "over" => %w[d e], "forced_over" => %w[f], "role" => 1
    )
    expect(node.snapshot).to include("roles" => ["web"], "recipes" => ["cb::default"], "run_list" => ["role[web]"])
  end

  it "trap 8: keeps working from the old copy while the next run rewrites and prunes Chef's cache" do
    node.cookbook("cb", "recipes/default.rb" => shows("which", "'old'") + <<~RUBY, "files/old.txt" => "old")
      cookbook_file('#{node.path("copied")}') { source 'old.txt'; action :nothing }
    RUBY
    node.converge
    FileUtils.rm_rf(node.path("cookbooks"))
    node.cookbook("cb", "recipes/default.rb" => "raise 'this run fails after the cache was rewritten'\n")
    expect { node.converge }.to raise_error(/this run fails/)
    expect(File.exist?(node.path("cache/cache/cookbooks/cb/files/old.txt"))).to be(false)
    expect(shown("which")).to eq('"old"')
    expect(node.fire("cookbook_file[#{node.path("copied")}]",
                     "create")).to include("status" => "done", "updated" => true)
    expect(node.read("copied")).to eq("old")
  end

  it "trap 9: each worker compiles its own generation, with that generation's libraries" do
    node.cookbook("cb", "libraries/l.rb" => "CB_VERSION = 1\n", "recipes/default.rb" => shows("version", "CB_VERSION"))
    node.converge
    expect(shown("version")).to eq("1")
    node.cookbook("cb", "libraries/l.rb" => "CB_VERSION = 2\n")
    node.converge
    expect(shown("version")).to eq("2")
  end

  it "trap 13: takes the lock of the run that left the snapshot, whatever the node's configuration says now" do
    node.cookbook("cb", "recipes/default.rb" => shows("lock", "::Chef::Config[:lockfile]"))
    node.converge("recipe[cb]", "--lockfile", node.path("own.lock"))
    expect(node.snapshot["config"]).to include("lockfile" => node.path("own.lock"), "local_mode" => true)
    File.open(node.path("own.lock"), "a+") do |lock|
      lock.flock(File::LOCK_EX)
      expect(node.fire("ruby_block[lock]", "run")).to include("status" => "busy")
    end
    expect(shown("lock")).to include("own.lock")
  end

  it "trap 16: recipes see the automatic attributes of the run, and versions still compare as versions" do
    expression = "[node['ohai_time'], node['platform_version'].is_a?(Chef::VersionString)]"
    node.cookbook("cb", "recipes/default.rb" => shows("seen", expression) +
      "::File.write('#{node.path("at run")}', node['ohai_time'].inspect) unless ::Chef::Config[:why_run]\n")
    node.converge
    expect(shown("seen")).to eq("[#{node.read("at run")}, true]")
  end

  it "does not force recipes that are included on a condition" do
    node.cookbook("cb", "recipes/default.rb" => <<~RUBY, "recipes/extra.rb" => shows("extra", "1"))
      include_recipe 'cb::extra' if ::File.exist?('#{node.path("want extra")}')
      #{shows("recipes", "node['recipes']")}
    RUBY
    node.write("want extra", "")
    node.converge
    expect(node.snapshot["recipes"]).to eq(["cb::default"])
    expect(shown("extra")).to eq("1")
    File.delete(node.path("want extra"))
    node.retire_warm_worker # a warm one asks for conditions once in its life
    expect(node.fire("ruby_block[extra]", "run")).to include("code" => "resource_absent")
    expect(shown("recipes")).to eq('["cb", "cb::default"]')
  end

  it "searches and reads data bags in local mode, from the run's repository" do
    node.write("data_bags/heroes/fry.json", JSON.generate("id" => "fry", "job" => "delivery"))
    node.cookbook("cb", "recipes/default.rb" => <<~RUBY)
      job = data_bag_item('heroes', 'fry')['job']
      names = search(:node, 'name:bender*').map(&:name)
      #{shows("found", "[job, names]")}
    RUBY
    2.times { node.converge }
    expect(shown("found")).to eq('["delivery", ["bender1"]]')
  end

  it "refuses resources whose cookbook files Chef fetches only while it converges" do
    node.write("client.rb", "#{node.read("client.rb")}\nno_lazy_load false\n")
    node.cookbook("cb", "templates/t.erb" => "x", "recipes/default.rb" => <<~RUBY)
      template('#{node.path("t")}') { source 't.erb'; action :nothing }
      file('#{node.path("f")}') { content 'x'; action :nothing }
    RUBY
    node.converge
    result = node.fire("template[#{node.path("t")}]", "create")
    expect(result).to include("code" => "action_not_allowed", "message" => /set no_lazy_load true/)
    expect(node.fire("file[#{node.path("f")}]", "create")).to include("status" => "done", "updated" => true)
  end

  it "takes part of a run whose recipe was given as a file" do
    node.write("loose.rb", shows("loose", "node.name"))
    node.cookbook("cb", "recipes/default.rb" => "")
    node.converge("recipe[cb]", node.path("loose.rb"))
    File.delete(node.path("loose.rb"))
    expect(shown("loose")).to eq('"bender1"')
  end

  it "evaluates client.d, and does not let a cookbook's event handler take it for a run" do
    node.write("client.d/extra.rb", "ENV['FROM_CLIENT_D'] = 'yes'\n")
    node.cookbook("cb", "recipes/default.rb" => shows("env", "ENV['FROM_CLIENT_D']"), "libraries/handler.rb" => <<~RUBY)
      Chef.event_handler do
        on(:resource_completed) { |resource| ::File.write('#{node.path("handled")}', resource.to_s) }
      end
    RUBY
    node.converge
    File.delete(node.path("handled"))
    expect(shown("env")).to eq('"yes"')
    expect(node).not_to exist("handled")
  end

  it "trap 2: asks for a reboot at the end, and still runs nothing delayed after :reboot_now" do
    # In place of the method, not of the command: a mistake here must not reboot the machine.
    node.cookbook("cb", "libraries/reboot.rb" => <<~LIBRARY, "recipes/default.rb" => <<~RUBY)
      require 'chef/platform/rebooter'
      def (Chef::Platform::Rebooter).reboot!(node)
        ::File.write('#{node.path("rebooted")}', node.run_context.reboot_info[:requested_by])
      end
    LIBRARY
      file('#{node.path("first")}') do
        content 'x'
        action :nothing
        notifies :run, 'ruby_block[late]', :delayed
        notifies :reboot_now, 'reboot[now]', :delayed
      end
      reboot('now') { action :nothing }
      ruby_block('late') { block { ::File.write('#{node.path("late")}', '') }; action :nothing }
    RUBY
    node.converge
    expect(node.fire("file[#{node.path("first")}]", "create")).to include("status" => "done", "updated" => true)
    expect(node.read("rebooted")).to eq("now")
  end
end

RSpec.describe "A snapshot compiled again" do
  context "when the worker is cold" do
    it_behaves_like "a snapshot compiled again", warm: false
  end

  context "when the worker is warm" do
    it_behaves_like "a snapshot compiled again", warm: true
  end
end

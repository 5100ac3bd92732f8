# frozen_string_literal: true

require "support/worker_node"

# What a recipe body may not do again when it is compiled in a worker: reach beyond this node.
RSpec.shared_examples "a worker that recipes cannot reach out of" do |warm:|
  before do
    @node = WorkerNode.new(warm:)
    @node.write("client.rb", <<~RUBY)
      #{@node.read("client.rb")}
      require "flock_of_chefs/run/calls"
      # In place of the run's own event subscriber, which needs an agent's configuration.
      class ClosesCalls < Chef::EventDispatch::Base
        def run_start(*) = FlockOfChefs::Run::Calls.begin_run
        def converge_start(*) = FlockOfChefs::Run::Calls.converge
      end
      event_handlers << ClosesCalls.new
    RUBY
  end

  after { @node.close }

  attr_reader :node

  # A remote call, answered by the text of a file and noted in another: whoever really calls leaves a trace.
  def call(arguments = "[]")
    <<~RUBY.chomp
      FlockOfChefs::Run::Calls.remote('answer', #{arguments}) do
        ::File.write('#{node.path("called")}', '1', mode: 'a')
        { answer: ::File.read('#{node.path("answer")}') }
      end
    RUBY
  end

  def shows(name, expression)
    "ruby_block('#{name}') { block { ::File.write('#{node.path(name)}', #{expression}) }; action :nothing }\n"
  end

  def converge(recipe, files = {})
    node.cookbook("cb", files.merge("recipes/default.rb" => recipe))
    node.converge
  end

  def counter
    "module CbHelper\n  def self.count = FlockOfChefs::Run::Calls.remote(:count) { @n = @n.to_i + 1 }\nend\n"
  end

  def fire(name = "shown") = node.fire("ruby_block[#{name}]", "run")

  it "answers from what the run recorded, also in order, and lets no call leave" do
    node.write("answer", "at the run")
    converge(<<~RUBY, "libraries/helper.rb" => counter)
      found = #{call("['a', { b: 1 }]")}
      counts = [CbHelper.count, CbHelper.count, CbHelper.count]
      #{shows("shown", "JSON.generate([found, counts])")}
    RUBY
    node.write("answer", "later")
    node.write("called", "")
    2.times { expect(fire).to include("status" => "done") }
    expect(JSON.parse(node.read("shown"))).to eq([{ "answer" => "at the run" }, [1, 2, 3]])
    expect(node.read("called")).to eq("")
  end

  it "raises in the worker what was raised in the run" do
    converge(<<~RUBY)
      text = begin
        FlockOfChefs::Run::Calls.remote('gone') { raise FlockOfChefs::NodeNotFoundError, 'no node called x' }
      rescue FlockOfChefs::NodeNotFoundError => e
        e.message + ' ' + e.code
      end
      #{shows("shown", "text")}
    RUBY
    expect(fire).to include("status" => "done")
    expect(node.read("shown")).to eq("no node called x node_not_found")
  end

  it "refuses a call that the run did not make with these arguments, and names the call and the line" do
    node.write("answer", "x")
    converge("#{call("[::Chef::Config[:why_run]]")}\n#{shows("shown", "''")}")
    node.write("called", "")
    expect(fire).to include("status" => "failed", "code" => "compile_effect",
                            "message" => %r{CompileEffect: answer at cb/recipes/default\.rb:1: the run that left})
    expect(node.read("called")).to eq("")
    expect(node).not_to exist("shown")
  end

  it "is not deceived by a recipe that rescues everything" do
    node.write("answer", "x")
    converge(<<~RUBY)
      begin
        #{call("[::Chef::Config[:why_run]]")}
      rescue Exception
        nil
      end
      #{shows("shown", "''")}
    RUBY
    expect(fire).to include("status" => "failed", "code" => "compile_effect")
  end

  uses = ["FlockOfChefs::Native.version", "FlockOfChefs::Native::Client.new('{}')",
          "(require 'flock_of_chefs/native'; FlockOfChefs::Native.config(nil))",
          "(require 'flock_of_chefs/local_client'; FlockOfChefs::LocalClient.configured)"]

  it "refuses any use of the native library in a recipe body, and maps nothing" do
    recipe = uses.each_with_index.map { |use, n| "#{use} if ::File.exist?('#{node.path("use #{n}")}')" }
    converge("#{recipe.join("\n")}\n#{shows("shown", "''")}")
    uses.each_index do |n|
      node.write("use #{n}", "")
      message = %r{FlockOfChefs::Native\S+ at cb/recipes/default\.rb:#{n + 1}: a worker does not}
      expect(fire).to include("status" => "failed", "code" => "compile_effect", "message" => message)
      File.delete(node.path("use #{n}"))
    end
  end

  it "fails an action that calls beyond this node, and still maps no native library" do
    node.write("answer", "x")
    converge(<<~RUBY)
      ruby_block('calls') { block { #{call} }; action :nothing }
      ruby_block('native') { block { FlockOfChefs::Native.new_id }; action :nothing }
      ruby_block('maps') do
        block do
          begin
            FlockOfChefs::Native.version
          rescue FlockOfChefs::DeniedError
            ::File.write('#{node.path("maps")}', ::File.read('/proc/self/maps'))
          end
        end
        action :nothing
      end
    RUBY
    %w[calls native].each do |name|
      expect(fire(name)).to include("status" => "failed", "code" => "action_failed", "message" => /DeniedError/)
    end
    expect(fire("maps")).to include("status" => "done")
    expect(node.read("maps")).to include("ruby").and(satisfy { |maps| !maps.include?("/flock_of_chefs.so") })
  end
end

RSpec.describe "Remote calls of recipe bodies" do
  context "with a cold worker" do
    it_behaves_like "a worker that recipes cannot reach out of", warm: false
  end

  context "with a warm worker" do
    it_behaves_like "a worker that recipes cannot reach out of", warm: true
  end
end

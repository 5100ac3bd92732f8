# frozen_string_literal: true

require "stringio"
require "tmpdir"
require "chef"
require "chef/recipe"
require "chef/formatters/doc"
require "flock_of_chefs/chef"

# Converges a recipe in this process, by Chef's own compiler and runner, and collects the notifications that leave.
class RecipeRun
  # Takes the place of the agent's hand-off.
  class Recorder
    attr_reader :drafts, :pokes, :error

    def initialize(error: nil)
      @drafts = []
      @pokes = []
      @error = error
    end

    def append(draft)
      raise error if error

      id = "id-#{drafts.size}"
      drafts << FlockOfChefs::Run::Handoff.complete(draft, id)
      id
    end

    def poke(event) = pokes << event
  end

  attr_reader :run_context, :recorder, :error

  # @param why_run [Boolean]
  # @param failure [Exception, nil] what handing over raises
  # @param subscribers [Array] further event subscribers
  def initialize(why_run: false, failure: nil, subscribers: [], &recipe)
    Chef::Config[:why_run] = why_run
    @recorder = Recorder.new(error: failure)
    @out = StringIO.new
    @run_context = build_context(subscribers)
    FlockOfChefs::Run::Handoff.current = @recorder
    @recipe = recipe
  end

  # @return [RecipeRun] after the converge; an error of the run is in #error
  def converge
    compile
    Chef::Runner.new(run_context).converge
    self
  rescue StandardError => e
    @error = e
    self
  ensure
    Chef::Config[:why_run] = false
    FlockOfChefs::Run::Handoff.current = nil
  end

  def compile
    Chef::Recipe.new("cb", "default", run_context).instance_exec(&@recipe)
  end

  def drafts = recorder.drafts

  # @return [Array<Array>] key, action, timing of each draft
  def sent = drafts.map { |draft| draft.values_at("key", "action", "timing") }

  # @return [Array<String>] the keys of one draft's sources
  def sources(index = 0) = drafts.fetch(index).fetch("sources").map { |source| source["key"] }

  # @return [Array<Hash>] as subscriptions.json would have them
  def subscriptions = FlockOfChefs::Recipe::Subscriptions.find(run_context).to_a

  # @return [String] what Chef's doc formatter printed
  def output = @out.string

  private

  def build_context(subscribers)
    events = Chef::EventDispatch::Dispatcher.new(Chef::Formatters.new(:doc, @out, @out), *subscribers)
    events.register(Chef::ActionCollection.new(events))
    node = Chef::Node.build("bender0")
    node.automatic["platform"] = "debian"
    node.automatic["platform_version"] = "12"
    Chef::RunContext.new(node, Chef::CookbookCollection.new({}), events)
  end
end

# Examples that converge recipes.
module RecipeRunHelpers
  def converge(...) = RecipeRun.new(...).converge

  def self.included(group)
    group.around do |example|
      Dir.mktmpdir { |dir| (@dir = dir) && example.run }
    end
    group.before { Chef::Log.init(File::NULL) }
  end

  # @return [String] a file name that nothing uses yet
  def path(name = "fubar") = File.join(@dir, name)
end

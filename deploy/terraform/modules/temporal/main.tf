# Temporal: its own on Fargate beside Aurora, or Temporal Cloud. GovCloud: its own.

locals {
  own      = var.mode == "self_hosted"
  services = local.own ? toset(["frontend", "history", "matching", "worker"]) : toset([])
  ports    = { frontend = 7233, history = 7234, matching = 7235, worker = 7239 }
}

data "aws_region" "here" {}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "secrets" {
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.database_secret_arn]
  }
  statement {
    actions   = ["kms:Decrypt"]
    resources = [var.stores_key_arn]
  }
}

resource "aws_iam_role" "execution" {
  count              = local.own ? 1 : 0
  name_prefix        = "${var.name}-temporal-exec-"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy_attachment" "execution" {
  count      = local.own ? 1 : 0
  role       = aws_iam_role.execution[0].name
  policy_arn = "arn:${var.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role_policy" "secrets" {
  count  = local.own ? 1 : 0
  name   = "database"
  role   = aws_iam_role.execution[0].id
  policy = data.aws_iam_policy_document.secrets.json
}

# The server itself asks AWS for nothing.
resource "aws_iam_role" "task" {
  count              = local.own ? 1 : 0
  name_prefix        = "${var.name}-temporal-"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_cloudwatch_log_group" "this" {
  count             = local.own ? 1 : 0
  name              = "/tidegate/${var.name}/temporal"
  retention_in_days = 400
  kms_key_id        = var.logs_key_arn
}

resource "aws_security_group" "this" {
  count       = local.own ? 1 : 0
  name_prefix = "${var.name}-temporal-"
  description = "Temporal's services: gRPC from the engine and among themselves"
  vpc_id      = var.vpc_id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "engine" {
  count                        = local.own ? 1 : 0
  security_group_id            = aws_security_group.this[0].id
  description                  = "The engine asks the frontend"
  referenced_security_group_id = var.tasks_security_group_id
  from_port                    = 7233
  to_port                      = 7233
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_ingress_rule" "peers" {
  count                        = local.own ? 1 : 0
  security_group_id            = aws_security_group.this[0].id
  description                  = "Services among themselves, and their membership"
  referenced_security_group_id = aws_security_group.this[0].id
  from_port                    = 6933
  to_port                      = 7239
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "out" {
  for_each          = local.own ? { postgres = 5432, https = 443, low = 6933, high = 7233 } : {}
  security_group_id = aws_security_group.this[0].id
  description       = "Out to ${each.key}"
  cidr_ipv4         = each.key == "https" ? "0.0.0.0/0" : var.cidr
  from_port         = each.value
  to_port           = each.key == "low" ? 6939 : each.key == "high" ? 7239 : each.value
  ip_protocol       = "tcp"
}

resource "aws_service_discovery_private_dns_namespace" "this" {
  count       = local.own ? 1 : 0
  name        = "${var.name}.internal"
  description = "Names of Temporal's services"
  vpc         = var.vpc_id
}

resource "aws_service_discovery_service" "this" {
  for_each = local.services
  name     = "temporal-${each.key}"

  dns_config {
    namespace_id = aws_service_discovery_private_dns_namespace.this[0].id
    dns_records {
      type = "A"
      ttl  = 10
    }
  }

  health_check_custom_config {
    failure_threshold = 1
  }
}

resource "aws_ecs_task_definition" "this" {
  for_each                 = local.services
  family                   = "${var.name}-temporal-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.sizes[each.key].cpu
  memory                   = var.sizes[each.key].memory
  execution_role_arn       = aws_iam_role.execution[0].arn
  task_role_arn            = aws_iam_role.task[0].arn

  container_definitions = jsonencode([{
    name      = "temporal"
    image     = var.image
    essential = true
    environment = [
      { name = "SERVICES", value = each.key },
      { name = "DB", value = "postgres12" },
      { name = "DB_PORT", value = "5432" },
      { name = "POSTGRES_SEEDS", value = var.database_host },
      { name = "SQL_TLS", value = "true" },
      { name = "SQL_TLS_DISABLE_HOST_VERIFICATION", value = "false" },
      { name = "DBNAME", value = "temporal" },
      { name = "VISIBILITY_DBNAME", value = "temporal_visibility" },
      { name = "NUM_HISTORY_SHARDS", value = tostring(var.history_shards) },
      { name = "BIND_ON_IP", value = "0.0.0.0" },
    ]
    secrets = [
      { name = "POSTGRES_USER", valueFrom = "${var.database_secret_arn}:username::" },
      { name = "POSTGRES_PWD", valueFrom = "${var.database_secret_arn}:password::" },
    ]
    portMappings           = [{ containerPort = local.ports[each.key], protocol = "tcp" }]
    linuxParameters        = { capabilities = { drop = ["ALL"] }, initProcessEnabled = true }
    readonlyRootFilesystem = false # the image writes its configuration at the start
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this[0].name
        awslogs-region        = data.aws_region.here.name
        awslogs-stream-prefix = each.key
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  for_each        = local.services
  name            = "temporal-${each.key}"
  cluster         = var.cluster_arn
  task_definition = aws_ecs_task_definition.this[each.key].arn
  desired_count   = var.sizes[each.key].count
  launch_type     = "FARGATE"

  network_configuration {
    subnets          = var.private_subnet_ids
    security_groups  = [aws_security_group.this[0].id]
    assign_public_ip = false
  }

  service_registries {
    registry_arn = aws_service_discovery_service.this[each.key].arn
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
}
